//! The command as a service of systemd.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Running, modelgate};

/// Longer than any step takes, so that a hang fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

const CONFIG: &str = "general_settings: {master_key: os.environ/MASTER}\nmodel_list: []\n";

fn told(systemd: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    let length = systemd.recv(&mut buffer).unwrap();
    String::from_utf8(buffer.get(..length).unwrap().to_vec()).unwrap().trim().to_owned()
}

#[test]
fn systemd_is_told_when_the_gateway_listens_and_when_it_stops() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("config.yaml"), CONFIG).unwrap();
    let socket = directory.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let args = ["serve", "--config", "config.yaml", "--listen", "127.0.0.1:0", "--admin", "off"];
    let mut serve = modelgate(directory.path(), &args);
    serve.env("MASTER", "sk-1").env("NOTIFY_SOCKET", &socket).stderr(Stdio::null());
    let mut gateway = Running(serve.spawn().unwrap());
    assert_eq!(told(&systemd), "READY=1");
    assert!(Command::new("kill").arg(gateway.0.id().to_string()).status().unwrap().success());
    assert_eq!(told(&systemd), "STOPPING=1");
    assert!(gateway.0.wait().unwrap().success());
}

/// The exit code of `check`, and what it says, with credentials in a directory.
fn checked(directory: &Path, config: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    fs::write(directory.join("config.yaml"), config).unwrap();
    let mut check = modelgate(directory, &["check", "config.yaml"]);
    check.env("CREDENTIALS_DIRECTORY", directory.join("credentials")).envs(variables.iter().copied());
    let output = check.output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn a_variable_that_is_not_set_is_a_credential_of_the_service() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("credentials")).unwrap();
    let (code, says) = checked(directory.path(), CONFIG, &[]);
    assert_eq!(code, Some(3), "{says}");
    assert!(says.contains("MASTER"), "{says}");

    fs::write(directory.path().join("credentials/MASTER"), "sk-1\n").unwrap();
    let (code, says) = checked(directory.path(), CONFIG, &[]);
    assert_eq!(code, Some(0), "{says}");

    // A variable that is set counts, even if it is not valid.
    let (code, says) = checked(directory.path(), CONFIG, &[("MASTER", "")]);
    assert_eq!(code, Some(3), "{says}");
}

#[test]
fn no_name_leaves_the_directory_of_credentials() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("credentials")).unwrap();
    fs::write(directory.path().join("MASTER"), "sk-1").unwrap();
    for name in ["../MASTER", "./../MASTER"] {
        let (code, says) = checked(directory.path(), &CONFIG.replace("MASTER", name), &[]);
        assert_eq!(code, Some(3), "{name}: {says}");
    }
}
