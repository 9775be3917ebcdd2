use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};

use super::*;

fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, text) in entries {
        let mut header = Header::new_gnu();
        // Writes the path as an attacker does: the library refuses such paths.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        if !matches!(*kind, EntryType::Regular | EntryType::Directory) {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bundle(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    compressed(&archive(entries))
}

fn unpacked(bundle: &[u8]) -> Result<Vec<String>, String> {
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("v1");
    unpack(bundle, &into).map_err(|error| {
        assert!(!into.exists(), "half of it was left");
        error.to_string()
    })?;
    let list = dropins::list(&into).unwrap();
    Ok(list.iter().map(|path| path.strip_prefix(&into).unwrap().display().to_string()).collect())
}

fn refusal(entries: &[(&str, EntryType, &str)]) -> String {
    unpacked(&bundle(entries)).unwrap_err()
}

const PERMIT: (&str, EntryType, &str) =
    ("a.cedar", EntryType::Regular, "permit(principal, action, resource);");

#[test]
fn policies_are_unpacked_and_documentation_is_not() {
    let entries = [
        PERMIT,
        ("./deep/", EntryType::Directory, ""),
        ("./deep/b.cedarschema", EntryType::Regular, ""),
        ("README.md", EntryType::Regular, "hello"),
        ("deep/License", EntryType::Regular, "hello"),
        ("bundle.json", EntryType::Regular, r#"{"version": 3}"#),
    ];
    assert_eq!(unpacked(&bundle(&entries)).unwrap(), ["a.cedar", "deep/b.cedarschema"]);
    assert_eq!(Contents::read(&bundle(&entries)).unwrap().version, Some(3));
    assert_eq!(Contents::read(&bundle(&[PERMIT])).unwrap().version, None);
}

#[test]
fn what_leads_out_of_the_bundle_is_refused() {
    for kind in [EntryType::Regular, EntryType::Directory] {
        for path in ["../a.cedar", "/etc/a.cedar", "x/../../a.cedar"] {
            let refused = refusal(&[PERMIT, (path, kind, "")]);
            assert!(refused.contains("leads out of the bundle"), "{refused}");
        }
    }
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let refused = refusal(&[("a.cedar", kind, "")]);
        assert!(refused.contains("neither a file nor a directory"), "{refused}");
    }
}

#[test]
fn a_file_that_nobody_reads_is_refused_by_its_name() {
    for path in
        ["b.Cedar", "b.cedar.txt", "b.cedar~", "policy", "x/rules.json", "b.entities.JSON", "x/bundle.json"]
    {
        let refused = refusal(&[PERMIT, (path, EntryType::Regular, "")]);
        assert!(refused.contains(&format!("modelgate would ignore `{path}`")), "{refused}");
    }
    for path in [".hidden.cedar", ".git/a.cedar", "x/.y/a.cedar", "._a.cedar"] {
        let refused = refusal(&[PERMIT, (path, EntryType::Regular, "")]);
        assert!(refused.contains(&format!("`{path}` is hidden")), "{refused}");
    }
}

#[test]
fn a_bundle_without_policies_is_refused() {
    for entries in
        [&[][..], &[("x.cedarschema", EntryType::Regular, "")], &[("README", EntryType::Regular, "")]]
    {
        let refused = refusal(entries);
        assert!(refused.contains("no `.cedar` file"), "{refused}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let again = ("./a.cedar", EntryType::Regular, "forbid(principal, action, resource);");
    assert!(refusal(&[PERMIT, again]).contains("twice"));
    let manifest = ("bundle.json", EntryType::Regular, r#"{"version": 3}"#);
    assert!(refusal(&[PERMIT, manifest, manifest]).contains("twice"));
}

#[test]
fn names_are_shown_escaped() {
    let refused = refusal(&[PERMIT, ("b\u{202e}\u{9b}.txt", EntryType::Regular, "")]);
    assert!(refused.contains("`b\\u{202e}\\u{9b}.txt`"), "{refused}");
}

#[test]
fn several_members_are_one_file() {
    let archive = archive(&[PERMIT, ("b.cedar", EntryType::Regular, "")]);
    for cut in [1, 511, 512, 700, 1024, archive.len() - 1] {
        let (first, second) = archive.split_at(cut);
        let members = [compressed(first), compressed(&[]), compressed(second)].concat();
        assert_eq!(unpacked(&members).unwrap(), ["a.cedar", "b.cedar"], "{cut}");
    }
}

#[test]
fn what_stands_behind_an_archive_is_refused() {
    let (one, two) = (archive(&[PERMIT]), archive(&[("b.cedar", EntryType::Regular, "")]));
    for bundle in [[compressed(&one), compressed(&two)].concat(), compressed(&[&*one, &two].concat())] {
        assert!(unpacked(&bundle).unwrap_err().contains("after the end"));
    }
    let behind = [&*compressed(&one), b"garbage"].concat();
    assert!(unpacked(&behind).unwrap_err().contains("not a `.tar.gz`"));
    let padded = [&*one, &[0; 4096]].concat();
    assert_eq!(unpacked(&compressed(&padded)).unwrap(), ["a.cedar"]);
}

#[test]
fn what_is_cut_short_is_refused_wherever_it_is_cut() {
    let archive = archive(&[PERMIT, ("b.cedar", EntryType::Regular, "forbid(principal, action, resource);")]);
    for cut in (0..archive.len()).step_by(256).chain([archive.len() - 1]) {
        assert!(unpacked(&compressed(&archive[..cut])).is_err(), "{cut}");
    }
    let whole = compressed(&archive);
    for cut in 0..whole.len() {
        assert!(unpacked(&whole[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_bomb_is_refused() {
    let large = "x".repeat(usize::try_from(MOST_BYTES / 2).unwrap());
    let entries = [
        ("a.cedar", EntryType::Regular, large.as_str()),
        ("b.cedar", EntryType::Regular, &large),
        ("c.cedar", EntryType::Regular, "x"),
    ];
    assert!(refusal(&entries).contains("more than"));
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let deep = format!("{}a.cedar", "d/".repeat(DEEPEST));
    assert!(refusal(&[PERMIT, (&deep, EntryType::Regular, "")]).contains("directories deep"));
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [b"hello".to_vec(), compressed(b"hello, this is no archive"), Vec::new()] {
        assert!(unpacked(&bytes).is_err());
    }
}
