//! The rules of the house: what the repository itself has to look like.

mod imports;
mod links;
mod metrics;
mod purity;
mod tree;
