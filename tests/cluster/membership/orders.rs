//! Who may order what: an administrator, once, for now, and knowing what was ordered last.

use std::time::Duration;

use client::connection::Connections;
use client::members::{View, view};
use note::{SignedNote, UnixSeconds};
use proto::v1;
use proto::v1::cluster_client::ClusterClient;
use receipt::leaf::Role;
use receipt::{Order, OrderVerb};
use tests::stage::Stage;

use super::{code, controls, voters, with_spares};

/// Two administrators decide at once on what both have seen: one of them is told what the other did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_one_is_told_to_look_again() {
    let stage = Stage::open(4).await.unwrap();
    let (_spares, connections, _) = with_spares(&stage).await;
    let (one, two) = (
        controls(&stage, &connections, 0),
        controls(&stage, &connections, 1),
    );
    let view = one.led().await.unwrap();
    let leader = view.leader().unwrap();
    let add = |ordinal: u64| OrderVerb::Add {
        ordinal,
        incarnation: format!("{ordinal:032x}"),
        peer_address: format!("127.0.0.1:{ordinal}"),
        api_address: format!("127.0.0.1:1{ordinal}"),
    };
    let seen = leader.says.membership_index;
    let (first, second) = tokio::join!(
        one.order(leader, seen, add(4)),
        two.order(leader, seen, add(5))
    );
    let (done, refused) = match (first, second) {
        (Ok(done), Err(refused)) | (Err(refused), Ok(done)) => (done, refused),
        both => panic!("one of them decides: {both:?}"),
    };
    assert_eq!(code(&refused), "overtaken");
    let said = refused.to_string();
    let joined = view::voters(View::of(&connections).await.leader().unwrap().says);
    assert_eq!(joined, [1, 2, 3].into());
    assert!(said.contains("follow without a vote"), "{said}");
    assert!(done.membership_index > seen);
}

/// No order without an administrator, none for long, none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_needs_an_administrator_and_holds_once() {
    let stage = Stage::open(4).await.unwrap();
    let admin = &stage.people(Role::Admin).unwrap()[0];
    let publisher = &stage.people(Role::Publisher).unwrap()[0];
    let connections = &stage.cluster.connections;
    let view = controls(&stage, connections, 0).led().await.unwrap();
    let leader = view.leader().unwrap();
    let now = stage.cluster.made.plan.opens.get();
    let soon = now + 200;
    for (until, key, answer) in [
        (soon, publisher, "no_authority"),
        (now - 10, admin, "out_of_time"),
        (now + 4_000, admin, "out_of_time"),
        (soon, admin, ""),
        (soon, admin, "order_seen"),
    ] {
        let order = Order {
            header: receipt::Header {
                election: stage.cluster.election.id().clone(),
                genesis: Some(*stage.cluster.election.genesis()),
                id: tests::chairs::id(7),
                time: UnixSeconds::new(now),
            },
            until: UnixSeconds::new(until),
            expects: leader.says.run,
            verb: OrderVerb::Resume(leader.says.ordinal),
        };
        let text = order.text();
        let note = SignedNote::assemble(&text, vec![key.sign(&text)]).unwrap();
        assert_eq!(give(connections, leader.index, &note).await, answer);
    }
}

/// Gives a node an order; the code of its refusal, if it refuses.
async fn give(connections: &Connections, node: usize, note: &SignedNote) -> String {
    let request = v1::OrderRequest {
        order: note.bytes().to_vec().into(),
    };
    let answer = connections.one(node, Duration::from_secs(5), |channel| {
        let request = request.clone();
        async move { ClusterClient::new(channel).obey(request).await }
    });
    match answer.await.unwrap().result.unwrap() {
        v1::order_response::Result::Obeyed(_) => String::new(),
        v1::order_response::Result::Refused(refused) => refused.code,
    }
}

/// A node that receipts count keeps its vote, and an order for another run of a process is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_against_the_manifest_or_too_late_is_refused() {
    let stage = Stage::open(4).await.unwrap();
    let connections = &stage.cluster.connections;
    let desk = controls(&stage, connections, 0);
    let counted = desk.remove("n3").await.unwrap_err();
    assert_eq!(code(&counted), "still_counts");
    let view = desk.led().await.unwrap();
    let leader = view.leader().unwrap();
    let verb = OrderVerb::Drain(leader.says.ordinal);
    let stale = desk
        .order(leader, leader.says.run + 1, verb)
        .await
        .unwrap_err();
    assert_eq!(code(&stale), "overtaken");
    assert_eq!(voters(connections).await, [1, 2, 3].into());
}
