//! Signals as readable events.
