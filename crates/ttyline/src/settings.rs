//! What a line is to be set to at each step, as plain values.
