//! The closed sets that metric labels take their values from. A precinct, a person or an address
//! is never a label: the state of a precinct belongs to the API.

/// A label value from a closed set, so that every series exists from the start at zero.
pub trait Label: Copy + 'static {
    /// Every value.
    const ALL: &'static [Self];
    /// The value as Prometheus sees it.
    fn as_str(self) -> &'static str;
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

label! {
    /// What became of one call to submit a note.
    SubmissionOutcome {
        /// The first report of its unit.
        Recorded = "recorded",
        /// The new head of its unit.
        Corrected = "corrected",
        /// Recorded beside the head.
        Rival = "rival",
        /// A predecessor in the head's own chain, arrived late.
        Superseded = "superseded",
        /// Recorded for a unit that was closed or merged.
        Stray = "stray",
        /// The text was a leaf already.
        AlreadyRecorded = "already_recorded",
        /// An act other than a report took effect.
        Applied = "applied",
        /// Refused, with a code.
        Refused = "refused",
        /// No leader, or no answer in time: unknown to the caller.
        Unavailable = "unavailable",
        /// Turned away by a limit before any work was done.
        Rejected = "rejected",
    }
}

label! {
    /// How a forwarded submission ended.
    ForwardResult {
        /// The leader answered with an outcome.
        Answered = "answered",
        /// The node asked does not lead.
        NotLeader = "not_leader",
        /// No answer, or the connection failed.
        Failed = "failed",
    }
}

label! {
    /// What one node answered in a cosigning round.
    CosignResult {
        /// A line that verifies.
        Signed = "signed",
        /// It has not applied or flushed so far yet.
        NotYet = "not_yet",
        /// It has signed a larger size.
        Behind = "behind",
        /// It computes another root.
        Mismatch = "mismatch",
        /// The tree it signed before is not a prefix of this one.
        Rewrite = "rewrite",
        /// Its clock leads the others too far.
        Clock = "clock",
        /// It has stopped cosigning.
        Stopped = "stopped",
        /// No answer within the round's deadline.
        Timeout = "timeout",
        /// A line that does not verify.
        Invalid = "invalid",
    }
}

label! {
    /// Level of a checkpoint.
    Level {
        /// A majority of nodes cosigned.
        Receipt = "receipt",
        /// The strong quorum and an outside witness cosigned.
        Final = "final",
    }
}

label! {
    /// Who shares one admission limit.
    Lane {
        /// Notes that name a key in force.
        Submit = "submit",
        /// All other notes, and those of sources whose signatures failed lately.
        Stranger = "stranger",
        /// Results, receipts, log reads.
        Read = "read",
    }
}

label! {
    /// Why a call was turned away before any work.
    RejectReason {
        /// As many calls of this lane as the limit allows are in progress.
        InFlight = "in_flight",
        /// One source has as many calls of this lane in progress as it may.
        Share = "share",
        /// Strangers' notes came faster than they are looked at.
        Rate = "rate",
        /// The log is further ahead of the applied state than the limit allows.
        Backlog = "backlog",
        /// The disk is below its floor.
        DiskFloor = "disk_floor",
        /// The node is shutting down.
        Draining = "draining",
    }
}

label! {
    /// Where a unit stands in its night.
    Standing {
        /// Nothing recorded.
        Silent = "silent",
        /// A head.
        Received = "received",
        /// A head with a witness, and no open question.
        Verified = "verified",
        /// A head with an open question.
        Held = "held",
    }
}

label! {
    /// Which listener a certificate belongs to.
    CertificateUse {
        /// The public API.
        Api = "api",
        /// Between nodes.
        Peers = "peers",
    }
}

label! {
    /// A format in which results are offered as a file.
    ExportFormat {
        /// One figure a row.
        CsvTidy = "csv",
        /// One unit a row.
        CsvWide = "csv-wide",
        /// Our own JSON.
        Json = "json",
        /// NIST SP 1500-100.
        Nist = "nist",
    }
}
