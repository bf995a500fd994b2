//! exchange: calls between two lines, as the programs on them see it.
