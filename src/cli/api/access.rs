//! `access`: who may use which models on which routes.

use http::StatusCode;
use serde_json::json;

use super::Api;
use super::answer::{ApiError, Query, json_answer};
use super::sources::Texts;
use crate::cli::access::{Access, Filter, csv, json};
use crate::cli::diff::universe::Universe;
use crate::gateway::admin::{ApiAnswer, ApiRequest, answer_of};
use crate::names::ModelName;

impl Api {
    pub(super) async fn access(&self, request: &ApiRequest) -> Result<ApiAnswer, ApiError> {
        let query = Query::of(&request.head, &["role", "model", "format", "offset", "limit"])?;
        let role = query.text("role").map(str::to_owned);
        let model = query.text("model").map(ModelName::new).transpose();
        let model = model.map_err(|error| ApiError::Request(error.to_string()))?;
        let is_csv = match query.text("format") {
            None | Some("json") => false,
            Some("csv") => true,
            Some(_) => return Err(ApiError::Request("`format` must be `json` or `csv`".to_owned())),
        };
        let offset = query.number("offset", 0..=1_000_000_000, 0)?;
        let limit = query.number("limit", 1..=10_000, 1000)?;
        let active = self.reloader.gateway().active();
        self.jobs
            .run(move || {
                let side = Texts::of(&active)?.side(&active)?;
                let universe = Universe::of_one(&side.config, &side.dropins);
                let filter = Filter { role: role.as_deref(), model: model.as_ref(), offset, limit };
                let access = Access::of(&side, &universe, &filter);
                if is_csv {
                    return Ok(answer_of(StatusCode::OK, "text/csv; charset=utf-8", csv::render(&access)));
                }
                let mut body = json::of(&access);
                if let Some(fields) = body.as_object_mut() {
                    fields.insert("total".to_owned(), json!(access.total));
                }
                Ok(json_answer(&body))
            })
            .await
    }
}
