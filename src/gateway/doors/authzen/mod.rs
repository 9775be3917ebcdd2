//! The listener for policy enforcement points that speak OpenID's AuthZEN Authorization API 1.0
//! (<https://openid.net/specs/authorization-api-1_0.html>).
//!
//! Input: questions in JSON from holders of the bearer: may this subject do this action to this resource? Output:
//! decisions. `server` has the listener and its paths, `asker` recognizes who may ask. `payload` reads a question and
//! `subject` its caller. `evaluate` decides one question: `llm` makes the request that a question about a model or a route
//! stands for, which runs through the steps of the gateway, and `own` decides about all other resources. `evaluated` writes
//! the answer. `batch` decides several questions, `search` finds what is permitted, and `metadata` describes the listener.

mod asker;
mod batch;
mod evaluate;
mod evaluated;
mod llm;
mod metadata;
mod own;
mod payload;
mod search;
mod server;
mod subject;

pub use server::AuthzenServer;
