//! Lists of intents.

use axme_core::id::WorkspaceId;
use axme_core::intent::Status;
use uuid::Uuid;

use crate::conformance::stage::{Stage, address, at};
use crate::conformance::{Broken, ensure, ensure_eq, stories};
use crate::ledger::{Intent, IntentQuery};

stories![a_list_is_newest_first_and_goes_on, filters_leave_only_what_they_name];

fn all_of(stage: &Stage) -> IntentQuery {
    IntentQuery {
        workspace_id: stage.workspace,
        party: None,
        statuses: Vec::new(),
        created_before: None,
        before: None,
        rows_max: 100,
    }
}

async fn list(stage: &Stage, query: &IntentQuery) -> Result<Vec<Intent>, Broken> {
    Ok(stage.ledger().intents(query.clone()).await?)
}

async fn a_list_is_newest_first_and_goes_on(stage: Stage) -> Result<(), Broken> {
    let mut sent = Vec::new();
    for _ in 0..10 {
        sent.push(stage.sent("campaign", "mailer").await?);
    }
    sent.reverse();
    let mut query = all_of(&stage);
    ensure_eq!(list(&stage, &query).await?, sent, "the list");
    let mut found = Vec::new();
    query.rows_max = 3;
    loop {
        let page = list(&stage, &query).await?;
        ensure!(page.len() <= 3, "a page is too long");
        let Some(last) = page.last() else { break };
        query.before = Some(last.row_id);
        found.extend(page);
        ensure!(found.len() <= 10, "the pages do not end");
    }
    ensure_eq!(found, sent, "the pages");
    Ok(())
}

async fn filters_leave_only_what_they_name(stage: Stage) -> Result<(), Broken> {
    let mut sent = Vec::new();
    for (n, (from, to)) in
        [("ann", "bob"), ("bob", "ann"), ("ann", "ann"), ("cat", "bob"), ("cat", "dan")]
            .into_iter()
            .enumerate()
    {
        let mut new = stage.intent(from, to)?;
        new.created_at = at(100 + i64::try_from(n).unwrap_or(0));
        sent.push(stage.admitted(new).await?.intent_id);
    }
    let [first, second, .., fourth, _] = sent[..] else {
        return Err(Broken("not all were sent".to_owned()));
    };
    stage.hand_over(second).await?;
    stage.ledger().record(stage.fact(first, Status::Completed)).await?;
    stage.ledger().record(stage.fact(fourth, Status::Failed)).await?;

    let all = all_of(&stage);
    let party = |name| -> Result<_, Broken> {
        Ok(IntentQuery { party: Some(address(name)?), ..all.clone() })
    };
    let statuses = |statuses: &[Status]| IntentQuery { statuses: statuses.to_vec(), ..all.clone() };
    let elsewhere = WorkspaceId::from_uuid(Uuid::from_u128(3));
    let queries = [
        ("of ann", party("ann")?, 3),
        ("of bob", party("bob")?, 3),
        ("of nobody", party("nobody")?, 0),
        ("completed", statuses(&[Status::Completed]), 1),
        ("ended", statuses(&[Status::Completed, Status::Failed]), 2),
        ("open", statuses(&[Status::Submitted, Status::Delivered]), 3),
        ("named twice", statuses(&[Status::Failed, Status::Failed]), 1),
        ("of ann, ended", IntentQuery { statuses: vec![Status::Completed], ..party("ann")? }, 1),
        ("older", IntentQuery { created_before: Some(at(102)), ..all.clone() }, 2),
        ("elsewhere", IntentQuery { workspace_id: elsewhere, ..all.clone() }, 0),
    ];
    for (name, query, count) in queries {
        let found = list(&stage, &query).await?;
        ensure_eq!(found.len(), count, "those {name}");
        let ordered = found.is_sorted_by(|newer, older| newer.row_id > older.row_id);
        ensure!(ordered, "those {name} are out of order");
    }
    Ok(())
}
