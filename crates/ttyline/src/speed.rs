//! Line speeds, bit/s.
