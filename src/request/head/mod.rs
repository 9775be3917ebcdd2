//! Reads the head of a request: path, query and headers.
//!
//! Input: the request without its body. Output: the normalized path, the models that path, query and headers name, the
//! format of the body, and the facts that follow from the route alone. A head that two readers may interpret
//! differently is refused.

pub(super) mod content_type;
pub(super) mod headers;
pub(super) mod model_path;
pub(super) mod pairs;
pub(super) mod path;
pub(super) mod query;
pub(super) mod routes;
