//! Parses the policies of a `.cedar` file.

use cedar_policy::{Policy, PolicyId, PolicySet};

use super::drop_in::{DropIn, annotation};
use super::error::Finding;
use super::text_file::TextFile;

/// Parses all policies of the file, in order.
pub(super) fn parse(file: &TextFile) -> Result<Vec<DropIn>, Vec<Finding>> {
    let set: PolicySet = file.text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        errors.iter().map(|error| Finding::from_diagnostic(file, error, 0)).collect::<Vec<_>>()
    })?;
    let mut findings: Vec<_> = set
        .templates()
        .map(|_| {
            Finding::in_file(file, "a template has no values for its slots")
                .help("replace `?principal` or `?resource` with an entity")
        })
        .collect();
    let parsed = without_text(&set);
    // Cedar numbers the policies in the order of the file.
    let mut policies: Vec<&Policy> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy.id()));

    let mut dropins = Vec::with_capacity(policies.len());
    let mut read = 0;
    let (mut line, mut counted) = (1, 0);
    for (place, policy) in policies.into_iter().enumerate() {
        let text = policy.to_cedar().unwrap_or_default();
        let offset = file.text.get(read..).and_then(|rest| rest.find(&text)).map_or(read, |at| read + at);
        line += file.lines_between(counted, offset);
        counted = offset;
        read = offset + text.len();
        match id(policy, file, place) {
            Ok(id) => {
                let parsed = parsed.policy(policy.id()).unwrap_or(policy).new_id(id.clone());
                dropins.push(DropIn { policy: policy.new_id(id), parsed, file: file.clone(), offset, line });
            }
            Err(message) => findings.push(Finding::in_file(file, message).at(file, offset, text.len())),
        }
    }
    if findings.is_empty() { Ok(dropins) } else { Err(findings) }
}

/// Copies the policies without their texts.
fn without_text(set: &PolicySet) -> PolicySet {
    PolicySet::from(set.as_ref().clone())
}

fn number(id: &PolicyId) -> usize {
    let id: &str = id.as_ref();
    id.trim_start_matches("policy").parse().unwrap_or(usize::MAX)
}

fn id(policy: &Policy, file: &TextFile, place: usize) -> Result<PolicyId, &'static str> {
    match annotation(policy, "id") {
        Some("") => Err("`@id` must not be empty"),
        Some(id) => Ok(PolicyId::new(id)),
        None => {
            let name = file.name.rsplit('/').next().unwrap_or_default();
            Ok(PolicyId::new(format!("{name}#{}", place + 1)))
        }
    }
}
