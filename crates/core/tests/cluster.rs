//! The kill protocol under faults: many replicas, one store, virtual time.
//!
//! Everything that decides is production code: `plan`, `State::apply`, `decide`, `Word`, and the
//! leases (`View`, `Silence`, `RollCall`). The model around it is what a machine, a network and a
//! database may do to it. Of the model only are: sessions, batches and their locks, idempotency
//! keys and cursors (the store has its own), egress sockets with their accounts of bytes, and
//! slices of a budget, which the product does not have yet. Effects do not exist either: K7 is
//! checked for idempotency keys alone. K9 and K10 have nothing to do with replicas.
//!
//! Every promise is a predicate of `axme_core::invariants`, checked at the step that could break
//! it. Every known mistake is a `Bug` that can be switched on, in the model and never in the
//! product, and a test of its number shows that its predicate finds it.
//!
//! Where to begin: `world` is what happens next, `replica` is one process, `store` is the other
//! side, `stories` is how it goes when one thing goes wrong. A failover that loses commits is
//! thrown too; of what it lost nothing is promised, but that holds are put back.
//!
//! A failure prints its seed and its last steps. `CLUSTER_SEED=17 cargo test -p axme-core --test
//! cluster replay` plays one again, `CLUSTER_SEEDS=20000` tries more than usual.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]
#![expect(clippy::panic, reason = "tests fail by panicking")]
#![expect(clippy::print_stdout, reason = "how much was tried is worth seeing")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the model asks about a few of many statements"
)]

mod cluster {
    mod admitting;
    mod applying;
    mod bugs;
    mod clients;
    mod clock;
    mod coordinator;
    mod database;
    mod dice;
    mod egress;
    mod events;
    mod faults;
    mod joining;
    mod locks;
    mod network;
    mod oracle;
    mod orders;
    mod renewing;
    mod replica;
    mod roll;
    mod schedule;
    mod statements;
    mod steering;
    mod store;
    mod world;

    mod named_bugs;
    mod naming;
    mod seeds;
    mod steered;
    mod stories;
}
