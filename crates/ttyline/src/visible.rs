//! Makes strangers' bytes safe to show.
