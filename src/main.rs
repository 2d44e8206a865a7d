//! Parses the command line, starts the log, runs one command, and exits with its code.
fn main() {}
