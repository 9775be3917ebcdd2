//! Writes rules and requests as formulas of one Cedar schema, in which a claim, a class of models and a class of paths
//! are variables.
//!
//! Input: snapshots. Output: a schema, the conditions under which a request is possible (`caller`, `team`, `resources`,
//! `denied`, `entities`), and the conditions under which a side allows it (`policy`). Two sides have types of their own, and share
//! the claims and the request.

mod caller;
mod claims;
mod denied;
mod entities;
mod policy;
mod resources;
mod said;
mod schema;
mod selection;
mod side;
mod team;
mod text;
mod world;

pub(super) use claims::{Claims, Reading};
pub(super) use policy::{Policy, Question};
pub(super) use resources::is_like;
pub(super) use said::{ToldRoutes, route_lists, told_models};
pub(super) use schema::of as schema;
pub(super) use schema::request;
pub(super) use side::Side;
pub(super) use world::{Asks, World};
