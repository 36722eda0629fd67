//! The rules of the house: what the repository itself has to look like.

mod imports;
mod purity;
mod tree;
