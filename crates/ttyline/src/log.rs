//! Where messages go: log file, syslog, standard error.
