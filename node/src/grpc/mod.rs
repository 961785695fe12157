//! The public API: one file a service, all of them over one TLS port, beside the standard health
//! and reflection services.

pub(crate) mod cluster;
pub(crate) mod election;
pub(crate) mod exports;
mod newest;
pub(crate) mod node_status;
pub(crate) mod receipts;
pub(crate) mod results;
pub(crate) mod rows;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod trace;
pub(crate) mod transparency;

use std::sync::Arc;

use proto::v1::cluster_server::ClusterServer;
use proto::v1::election_server::ElectionServer;
use proto::v1::exports_server::ExportsServer;
use proto::v1::receipts_server::ReceiptsServer;
use proto::v1::results_server::ResultsServer;
use proto::v1::status_server::StatusServer;
use proto::v1::submissions_server::SubmissionsServer;
use proto::v1::trace_server::TraceServer;
use proto::v1::transparency_server::TransparencyServer;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::core::Core;

/// The largest request but one: a note of 8,192 bytes with its frame.
pub(crate) const MAX_REQUEST: usize = 16 * 1024;

/// The largest request: a manifest with roster and roll, as the largest command has them.
const MAX_INIT: usize = replica::codec::MAX_COMMAND_BYTES;

/// All services, ready to be served, and the handle by which their health is told.
pub(crate) fn routes(
    core: &Arc<Core>,
) -> Result<(Routes, HealthReporter), tonic_reflection::server::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let submissions = submit::Service::new(Arc::clone(core));
    let receipts = receipts::Service::new(Arc::clone(core));
    let results = results::Service::new(Arc::clone(core));
    let exports = exports::Service::new(Arc::clone(core));
    let trace = trace::Service::new(Arc::clone(core));
    let transparency = transparency::Service::new(Arc::clone(core));
    let cluster = cluster::Service::new(Arc::clone(core));
    let election = election::Service::new(Arc::clone(core));
    let status = node_status::Service::new(Arc::clone(core));
    let routes = Routes::new(health)
        .add_service(reflection)
        .add_service(SubmissionsServer::new(submissions).max_decoding_message_size(MAX_REQUEST))
        .add_service(ReceiptsServer::new(receipts).max_decoding_message_size(MAX_REQUEST))
        .add_service(ResultsServer::new(results).max_decoding_message_size(MAX_REQUEST))
        .add_service(ExportsServer::new(exports).max_decoding_message_size(MAX_REQUEST))
        .add_service(TraceServer::new(trace).max_decoding_message_size(MAX_REQUEST))
        .add_service(TransparencyServer::new(transparency).max_decoding_message_size(MAX_REQUEST))
        .add_service(ElectionServer::new(election).max_decoding_message_size(MAX_INIT))
        .add_service(ClusterServer::new(cluster).max_decoding_message_size(MAX_INIT))
        .add_service(StatusServer::new(status).max_decoding_message_size(MAX_REQUEST));
    Ok((routes, reporter))
}

/// Tells the health service whether the node is ready. `Status` and `Election` answer always; the
/// others, and the node as a whole, only when it is.
pub(crate) async fn tell_health(reporter: &HealthReporter, ready: bool) {
    let status = if ready {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in [
        "",
        SubmissionsServer::<submit::Service>::NAME,
        ReceiptsServer::<receipts::Service>::NAME,
        ResultsServer::<results::Service>::NAME,
        ExportsServer::<exports::Service>::NAME,
        TraceServer::<trace::Service>::NAME,
        TransparencyServer::<transparency::Service>::NAME,
    ] {
        reporter.set_service_status(service, status).await;
    }
}
