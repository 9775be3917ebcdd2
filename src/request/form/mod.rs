//! Forms: `application/x-www-form-urlencoded` and `multipart/form-data`.
//!
//! What comes in: the bytes of a body, in any pieces where it is multipart. What leaves: what its fields say about models, as of
//! a JSON body, and the models in the lines of batch files. Readers differ in what they forgive, so that nothing is forgiven.

mod batch;
mod delimiter;
mod field;
pub(super) mod fields;
pub(super) mod multipart;
mod part;
