//! An open tty: its settings, modem lines, hang-up, hand-over.
