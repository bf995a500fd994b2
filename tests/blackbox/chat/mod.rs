//! chat: options, scripts, exit codes, what is left on the line.
