//! Certificates of a cluster: the plan, the controller, and who trusts whom.

mod cluster;
mod model;
mod simulation;
mod trust;
