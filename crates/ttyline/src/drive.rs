//! Runs a pure dialogue on a line: poll, deadlines, signals.
