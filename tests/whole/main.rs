//! Stories about whole processes.

mod configuration;
mod deployment;
mod metrics;
mod networks;
mod one_relay;
mod street_hall;
mod whole_conference;
