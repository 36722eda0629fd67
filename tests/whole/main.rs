//! Stories about whole processes.

mod bad_network;
mod configuration;
mod deployment;
mod metrics;
mod networks;
mod one_relay;
mod peers;
mod street_hall;
mod whole_conference;
