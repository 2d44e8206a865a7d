//! Parses the command line, starts the log, runs one command, and exits with its code.

fn main() -> std::process::ExitCode {
    tema3::commands::run(std::env::args_os())
}
