//! What the head of a request says: its path, query and headers.
//!
//! What comes in: what stands before the body. What leaves: a path in one normal form, the models that the path, the query and
//! headers name, how the body is written, and what the route alone says. A head that two readers may read differently is
//! refused.

pub(super) mod content_type;
pub(super) mod headers;
pub(super) mod model_path;
pub(super) mod pairs;
pub(super) mod path;
pub(super) mod query;
pub(super) mod routes;
