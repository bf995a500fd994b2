//! Exit codes of the drop-in tools.
