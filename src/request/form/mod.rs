//! Forms: `application/x-www-form-urlencoded` and `multipart/form-data`.
//!
//! Input: the bytes of a body, streamed in segments if it is multipart. Output: the same facts about models as for a
//! JSON body, and the models in the lines of batch files. Readers tolerate different errors, so every deviation is
//! refused here.

pub(super) mod batch;
mod delimiter;
mod field;
pub(super) mod fields;
pub(super) mod multipart;
mod part;
