//! The router seen from outside: stories of halls that join, switch, lose packets and misbehave.
//! Time is invented; nothing here sleeps.

mod feedback;
mod groups;
mod hostile;
mod layers;
mod publisher;
mod recorder;
mod repeats;
mod retransmission;
mod simulation;
mod slots;
mod stage;
mod trunks;
mod world;
