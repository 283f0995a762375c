//! Proving that a store does what the gateway counts on: the conformance suite at an operator's
//! own server.

use std::sync::Arc;

use anyhow::Context as _;
use axme_engine::chance::Chance;
use axme_store::conformance::{self, Site};
use axme_store::postgres::{PgOptions, ProvingGround};

/// What became of one story.
#[derive(Debug)]
pub struct Told {
    pub story: &'static str,
    /// Why it does not hold; none when it does.
    pub broken: Option<String>,
}

/// Runs every story at the server of a URL, in schemas of their own that are removed again.
/// `told` hears of each as it ends.
pub async fn prove(url: &str, mut told: impl FnMut(&Told)) -> anyhow::Result<Vec<Told>> {
    let options = PgOptions::parse(url)?;
    let ground = Arc::new(ProvingGround::new(options, &Chance.suffix()));
    let usable = ground.check().await;
    usable.map_err(|trouble| anyhow::anyhow!("{} ({})", trouble.message, trouble.code))?;
    let site: Arc<dyn Site> = Arc::<ProvingGround>::clone(&ground);
    let mut all = Vec::new();
    for case in conformance::cases() {
        let broken = case.run(&site).await.err().map(|broken| broken.to_string());
        let story = Told { story: case.name, broken };
        told(&story);
        all.push(story);
    }
    ground.clear().await.context("the schemas of the stories are still there")?;
    Ok(all)
}
