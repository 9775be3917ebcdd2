//! modelgate's decisions for Python.
//!
//! Input: the files that `modelgate serve` reads, and requests with their credentials. Output: a typed decision for each
//! request. `rules` is the class that users hold, and `process` what runs in the background of one process. `arguments`
//! reads requests, `decision` is the answer, and `log` passes messages to Python's `logging`.

#![forbid(unsafe_code)]

mod arguments;
mod decision;
mod log;
mod process;
mod rules;

use pyo3::prelude::*;

/// The compiled part of `modelgate_policy`.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::decision::Decision;
    #[pymodule_export]
    use crate::process::ConfigError;
    #[pymodule_export]
    use crate::rules::{Pending, Rules};

    #[pymodule_init]
    fn init(_module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> pyo3::PyResult<()> {
        crate::log::start();
        Ok(())
    }
}
