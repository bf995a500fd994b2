//! UUCP lock files.
