//! `Election`: the bundle for whoever verifies, and the start of a cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::{Command, Fault, Outcome, Tables, View};
use merkle::{Hash, LeafIndex};
use note::{Limits, SignedNote};
use proto::v1::election_server::Election;
use proto::v1::{
    Bundle, GetBundleRequest, InitRequest, InitResponse, Initialized, ManifestVersion, Member,
    RecoverRequest, Refusal, RetireRequest, RetireResponse, init_response, recover_request,
};
use receipt::Manifest;
use tonic::{Extensions, Request, Response, Status};

use super::status;
use crate::admission::Permit;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::founding::Founders;
use crate::orders::{Disobeyed, authority};
use crate::{intake, membership, recovery};

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            starting: tokio::sync::Mutex::new(()),
        }
    }

    /// A place for a call, before anything of it is looked at.
    fn place(&self, extensions: &Extensions) -> Result<Permit, Status> {
        let source = Source::of(extensions);
        self.core.admission.read(source).map_err(status::rejected)
    }
}

#[tonic::async_trait]
impl Election for Service {
    async fn get_bundle(
        &self,
        request: Request<GetBundleRequest>,
    ) -> Result<Response<Bundle>, Status> {
        let _place = self.place(request.extensions())?;
        let bundle = self.core.read_for_caller(|_, view| bundle(view)).await?;
        if bundle.manifests.is_empty() {
            return Err(status::not_initialized());
        }
        Ok(Response::new(bundle))
    }

    async fn admit(&self, request: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let _place = self.place(request.extensions())?;
        let InitRequest {
            bundle,
            members,
            order,
        } = request.into_inner();
        let bundle = bundle.ok_or_else(|| status::invalid("the bundle is missing"))?;
        let (manifest, members) = if bundle.manifests.len() > 1 {
            let succession = recovery::check(&self.core, bundle, members)?;
            (succession.manifest, succession.members)
        } else {
            let start = check(&self.core, bundle, members)?;
            (start.manifest, start.members)
        };
        if let Err(why) = ordered(&self.core, &order, &manifest, &members) {
            return Ok(Response::new(refused(why)));
        }
        members.admit(&self.core)?;
        Ok(Response::new(initialized(&self.core)))
    }

    async fn init(&self, request: Request<InitRequest>) -> Result<Response<InitResponse>, Status> {
        let _place = self.place(request.extensions())?;
        let _alone = self
            .starting
            .try_lock()
            .map_err(|_busy| Status::aborted("another start is under way on this node"))?;
        let InitRequest {
            bundle,
            members,
            order,
        } = request.into_inner();
        let bundle = bundle.ok_or_else(|| status::invalid("the bundle is missing"))?;
        let start = check(&self.core, bundle, members)?;
        if let Err(why) = ordered(&self.core, &order, &start.manifest, &start.members) {
            return Ok(Response::new(refused(why)));
        }
        if self.core.initialized() && self.core.applied_size().get() > 0 {
            return Err(Status::already_exists(
                "this cluster has its election already",
            ));
        }
        start.members.admit(&self.core)?;
        start.members.found(&self.core).await?;
        intake::open_for_notes(&self.core).await?;
        let command = Command::manifest(self.core.clock.millis(), start.note, start.files);
        let outcome = intake::record_first(&self.core, command).await?;
        Ok(Response::new(answer(&self.core, &outcome)))
    }

    async fn recover(
        &self,
        request: Request<tonic::Streaming<RecoverRequest>>,
    ) -> Result<Response<InitResponse>, Status> {
        let _place = self.place(request.extensions())?;
        let _alone = self
            .starting
            .try_lock()
            .map_err(|_busy| Status::aborted("another start is under way on this node"))?;
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|first| first.part);
        let Some(recover_request::Part::Start(start)) = first else {
            return Err(status::invalid("a recovery begins with its start"));
        };
        let InitRequest {
            bundle,
            members,
            order,
        } = start;
        let bundle = bundle.ok_or_else(|| status::invalid("the bundle is missing"))?;
        let succession = recovery::check(&self.core, bundle, members)?;
        let (manifest, members) = (&succession.manifest, &succession.members);
        if let Err(why) = ordered(&self.core, &order, manifest, members) {
            return Ok(Response::new(refused(why)));
        }
        succession.members.admit(&self.core)?;
        succession.members.found(&self.core).await?;
        let mut index = 0_u64;
        while let Some(part) = parts.message().await? {
            let Some(recover_request::Part::Leaves(leaves)) = part.part else {
                return Err(status::invalid("after its start a recovery holds leaves"));
            };
            for entry in leaves.entries {
                let place = LeafIndex::new(index);
                succession.take(&self.core, place, entry.into()).await?;
                index = index.saturating_add(1);
            }
        }
        let outcome = succession.finish(&self.core).await?;
        Ok(Response::new(answer(&self.core, &outcome)))
    }

    async fn retire(
        &self,
        request: Request<RetireRequest>,
    ) -> Result<Response<RetireResponse>, Status> {
        let _place = self.place(request.extensions())?;
        let bundle = request.into_inner().bundle;
        let bundle = bundle.ok_or_else(|| status::invalid("the bundle is missing"))?;
        let (_, election) = recovery::open(&self.core, bundle)?;
        let own = &self.core.whoami.origin;
        let recovered = election.recovery_of(own).ok_or_else(|| {
            Status::failed_precondition("no version of the bundle recovers this node's log")
        })?;
        let sentence = format!(
            "the log `{own}` was recovered from its first {} leaves under another origin",
            recovered.size
        );
        self.core.stop_cosigning(&sentence);
        self.core.retired.retire(&sentence).map_err(|error| {
            tracing::error!(%error, "that the log is over could not be kept on disk");
            self.core.disk_failed(&error);
            Status::internal("this node has stopped, but could not keep that on its disk")
        })?;
        Ok(Response::new(RetireResponse {}))
    }
}

/// Whether an administrator of `manifest` wants a cluster of these members.
fn ordered(
    core: &Core,
    order: &[u8],
    manifest: &Manifest,
    members: &Founders,
) -> Result<(), Disobeyed> {
    let examined = authority::examine_founding(core, order, manifest, members.hash());
    examined.inspect_err(|why| {
        tracing::warn!(code = why.code, %why, "no cluster is founded");
    })
}

fn refused(why: impl Into<Refusal>) -> InitResponse {
    InitResponse {
        result: Some(init_response::Result::Refused(why.into())),
    }
}

fn answer(core: &Core, outcome: &Outcome) -> InitResponse {
    match outcome {
        Outcome::Refused { refusal, .. } => refused(refusal),
        Outcome::Applied { .. }
        | Outcome::AlreadyRecorded { .. }
        | Outcome::Recorded { .. }
        | Outcome::Corrected { .. }
        | Outcome::Rival { .. }
        | Outcome::Superseded { .. }
        | Outcome::Stray { .. } => initialized(core),
    }
}

/// This node takes part, in the election that it has pinned.
fn initialized(core: &Core) -> InitResponse {
    let initialized = Initialized {
        genesis: core.whoami.genesis.as_bytes().to_vec().into(),
        incarnation: core.incarnation.to_string(),
    };
    InitResponse {
        result: Some(init_response::Result::Initialized(initialized)),
    }
}

/// What a checked request starts a cluster with.
struct Start {
    manifest: Manifest,
    note: Vec<u8>,
    files: Vec<Vec<u8>>,
    members: Founders,
}

/// Holds a request against what this node has pinned: the manifest, this node's own line, and the
/// members.
fn check(core: &Core, bundle: Bundle, members: Vec<Member>) -> Result<Start, Status> {
    let Bundle { manifests, files } = bundle;
    let [first] = <[ManifestVersion; 1]>::try_from(manifests)
        .map_err(|_| status::invalid("a cluster starts with manifest version 1 alone"))?;
    let note = SignedNote::parse_within(&first.note, Limits::MANIFEST)
        .map_err(|error| status::invalid(&format!("the manifest: {error}")))?;
    if note.text_hash() != core.whoami.genesis {
        return Err(Status::permission_denied(
            "this node has pinned another manifest; its configuration says which",
        ));
    }
    let manifest = manifest(&note)
        .map_err(|malformed| status::invalid(&format!("the manifest: {malformed}")))?;
    membership::check_own_line(&core.whoami, &core.keys(), &manifest)
        .map_err(|error| Status::failed_precondition(error.to_string()))?;
    Ok(Start {
        members: Founders::of(&manifest, members)?,
        manifest,
        note: first.note.into(),
        files: files.into_iter().map(Vec::from).collect(),
    })
}

fn manifest(note: &SignedNote) -> Result<Manifest, String> {
    let leaf = receipt::Leaf::parse(note).map_err(|malformed| malformed.to_string())?;
    leaf.manifest()
        .cloned()
        .ok_or_else(|| "the note is not a manifest".to_owned())
}

/// Every manifest version with the files they name, as this node has them.
fn bundle<T: Tables>(view: &View<'_, T>) -> Result<Bundle, Fault> {
    let mut bundle = Bundle::default();
    let mut named: BTreeSet<Hash> = BTreeSet::new();
    for version in view.manifests()? {
        if let Some(note) = view.leaf(version.index)? {
            let leaf_index = Some(version.index.get());
            bundle.manifests.push(ManifestVersion {
                note: note.into(),
                leaf_index,
            });
        }
        if let Some(manifest) = view.manifest_at(version.index.size_with())? {
            named.extend(manifest.named_files());
        }
    }
    for hash in named {
        bundle.files.extend(view.file(&hash)?.map(Into::into));
    }
    Ok(bundle)
}
