//! mgetty: one file per section of its specification.
