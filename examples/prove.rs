//! Proves that rules keep to invariants: `cargo run --example prove -- config.yaml [policies] [invariants]`.

use std::path::Path;

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::prove::{Invariants, Limits, Prover, Subject, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().ok_or("the path of a configuration is missing")?;
    let dropins =
        arguments.next().filter(|path| !path.is_empty()).map(|path| DropIns::load(Path::new(&path)));
    let invariants = arguments.next().map(|path| Invariants::load(Path::new(&path)));

    let config = Config::load(Path::new(&config), &|name| std::env::var(name).ok())?;
    let subject = Subject::new(config, dropins.transpose()?.unwrap_or_default())?;
    let report =
        Prover::new(Limits::default())?.prove(&subject, &invariants.transpose()?.unwrap_or_default())?;
    for claim in &report.claims {
        match &claim.verdict {
            Verdict::Proven => println!("{:?} {}: proven", claim.kind, claim.name),
            other => println!("{:?} {}: {other:?}", claim.kind, claim.name),
        }
    }
    println!("{}", if report.is_proven() { "proven" } else { "not proven" });
    Ok(())
}
