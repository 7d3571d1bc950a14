use super::*;

const TREE: &str = "\
nanami-model v0.1.0 (/somewhere/nanami-model)|default,toml
blake3 v1.8.7|
rand_core v0.6.4|
serde_derive v1.0.229 (proc-macro)|default
zeroize v1.9.2|alloc,default,derive
zeroize v1.9.2|alloc,default,derive (*)
";

#[test]
fn a_tree_is_read_without_what_runs_in_the_compiler() {
    let packages = parse_tree(TREE);
    let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["nanami-model", "blake3", "rand_core", "zeroize"]);
    assert_eq!(packages[3].features, ["alloc", "default", "derive"]);
    assert!(packages[1].features.is_empty());
}

#[test]
fn a_pure_tree_passes() {
    no_banned("nanami-model", &parse_tree(TREE)).unwrap();
}

#[test]
fn every_banned_crate_is_found() {
    for (name, _) in banned::CRATES {
        let tree = format!("{TREE}{name} v1.0.0|\n");
        let error = no_banned("nanami-model", &parse_tree(&tree)).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn every_banned_feature_is_found() {
    for (name, feature, _) in banned::FEATURES {
        let tree = format!("{TREE}{name} v1.0.0|default,{feature} (*)\n");
        let error = no_banned("nanami-model", &parse_tree(&tree)).unwrap_err().to_string();
        assert!(error.contains(feature), "{error}");
    }
}

#[test]
fn a_stranger_in_the_house_is_named() {
    let packages = parse_tree("nanami-control v0.1.0|\nnanami-model v0.1.0|\nnanami-tunnel v0.1.0|\n");
    let error = never_meet("nanami-control", &["nanami-tunnel"], &packages).unwrap_err().to_string();
    assert!(error.contains("must not know nanami-tunnel"), "{error}");
    never_meet("nanami-control", &["nanami-plan"], &packages).unwrap();
}

#[test]
fn a_ban_that_is_missing_or_commented_out_is_missing() {
    let whole: String = banned::CALLS.iter().map(|(call, _)| format!("{{ path = \"{call}\" }},\n")).collect();
    assert_eq!(missing_ban(&whole), None);
    let commented = whole.replace("{ path = \"std::env::var\"", "# { path = \"std::env::var\"");
    assert_eq!(missing_ban(&commented).map(|(call, _)| *call), Some("std::env::var"));
    assert!(missing_ban("").is_some());
}
