//! Recognises an incoming PPP frame.
