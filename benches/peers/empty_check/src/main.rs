//! A server for Envoy's filter `ext_authz` that reads each question and permits it at once: what a check costs at least, with tonic.
//!
//!     empty-check 127.0.0.1:PORT

use envoy_types::ext_authz::v3::CheckResponseExt as _;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};

struct Empty;

#[async_trait]
impl Authorization for Empty {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let attributes = request.into_inner().attributes;
        let http = attributes.and_then(|attributes| attributes.request?.http);
        Ok(Response::new(CheckResponse::with_status(match http {
            Some(_) => Status::ok("permitted"),
            None => Status::invalid_argument("the question has no request"),
        })))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("the address to listen on is missing")?.parse()?;
    Server::builder().add_service(AuthorizationServer::new(Empty)).serve(address).await?;
    Ok(())
}
