//! The whole service in one process, on port 0, spoken to as browsers, halls and relays speak to it.

mod console;
mod day;
mod halls;
mod harness;
mod hostile;
mod relay;
mod relays;
mod roles;
mod sign_in;
mod tls;
