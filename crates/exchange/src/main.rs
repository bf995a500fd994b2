//! `exchange`, the telephone exchange: see exchange(1).

fn main() {
    std::process::exit(exchange::args::run());
}
