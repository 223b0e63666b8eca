//! `pierhead config check`.
use std::path::PathBuf;
use tests::{Certificates, Finished, Setup, run};

/// A configuration in a file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let file = std::env::temp_dir().join(format!("pierhead-check-{}-{name}.yml", std::process::id()));
        std::fs::write(&file, text).expect("a file");
        File(file)
    }

    fn check(&self, arguments: &[&str]) -> Finished {
        self.check_with(arguments, |s| s)
    }

    fn check_with(
        &self,
        arguments: &[&str],
        configure: impl for<'a> FnOnce(&'a mut Setup) -> &'a mut Setup,
    ) -> Finished {
        let arguments = [&["config", "check"], arguments, &[self.0.to_str().expect("a path")]].concat();
        run(&arguments, configure)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_configuration_with_which_a_server_would_start_is_shown_as_yaml() {
    let file = File::new(
        "good",
        "version: 0.1\nhttp:\n  addr: :5000\n  secret: hunter2\nstorage:\n  filesystem: {rootdirectory: /nowhere/data}\n",
    );
    let checked = file.check_with(&[], |s| s.env("REGISTRY_STORAGE_DELETE_ENABLED", "true"));
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    for line in [
        "version: 0.1\n",
        "  addr: :5000  # ",
        "good.yml, line 3\n",
        "    enabled: true  # the variable REGISTRY_STORAGE_DELETE_ENABLED\n",
        "  draintimeout: 30s  # default\n",
    ] {
        assert!(checked.stdout.contains(line), "{line:?} is not in {}", checked.stdout);
    }
    assert!(checked.output.contains("needed for nothing: "), "{}", checked.output);
    assert!(checked.output.ends_with("the server would start\n"), "{}", checked.output);
    assert!(!checked.output.contains("hunter2"), "{}", checked.output);
    assert!(!std::path::Path::new("/nowhere").exists(), "the storage was opened");
    // What it shows is a file that says the same.
    let again = File::new("again", &checked.stdout).check(&[]);
    assert_eq!(again.code, Some(0), "{}", again.output);
    let values =
        |text: &str| text.lines().map(|l| l.split("  # ").next().map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(values(&again.stdout), values(&checked.stdout));
}

#[test]
fn every_fault_is_told_and_the_status_is_1() {
    let file =
        File::new("bad", "version: 0.1\nhttp: {addr: nowhere, draintimeout: 60}\nproxy: {remoteurl: r}\n");
    let checked = file.check_with(&[], |s| s.env("REGISTRY_LIMITS_REQUESTS", "many"));
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(1), ""), "{}", checked.output);
    for part in [
        "http.addr",
        "http.draintimeout",
        "proxy.remoteurl",
        "REGISTRY_LIMITS_REQUESTS",
        "\nthe server would not start: wrong: 4\n",
    ] {
        assert!(checked.output.contains(part), "{part} is not told: {}", checked.output);
    }
}

#[test]
fn what_has_no_effect_is_a_fault_to_a_strict_look_alone() {
    for (name, text) in [("typo", "http: {adr: :1}\n"), ("idle", "redis: {db: 0}\n")] {
        let file = File::new(name, &format!("version: 0.1\n{text}"));
        assert_eq!(file.check(&[]).code, Some(0));
        let strict = file.check(&["--strict"]);
        assert_eq!(strict.code, Some(1), "{}", strict.output);
        assert!(strict.output.contains("--strict does not allow"), "{}", strict.output);
    }
    let file = File::new("fine", "version: 0.1\nhttp: {addr: :1, secret: s}\n");
    let strict = file.check_with(&["--strict"], |s| s.env("REGISTRY_PORT", "tcp://10.0.0.1:5000"));
    assert_eq!(strict.code, Some(0), "{}", strict.output);
}

#[test]
fn without_a_file_the_environment_names_it_or_is_all_there_is() {
    let alone = run(&["config", "check"], |s| s.env("REGISTRY_HTTP_ADDR", ":7000"));
    assert_eq!(alone.code, Some(0), "{}", alone.output);
    assert!(alone.stdout.contains("addr: :7000  # the variable REGISTRY_HTTP_ADDR"), "{}", alone.stdout);
    let file = File::new("named", "version: 0.1\nlog: {level: loud}\n");
    let named = run(&["config", "check"], |s| s.env("REGISTRY_CONFIGURATION_PATH", file.0.display()));
    assert_eq!(named.code, Some(1), "{}", named.output);
    assert!(named.output.contains("named.yml, line 2: log.level"), "{}", named.output);
}

#[test]
fn files_that_a_start_would_read_are_read_and_none_is_made() {
    let certificates = Certificates::new();
    let (certificate, key) = (certificates.file("server.crt"), certificates.file("server.key"));
    let tls = |key: &std::path::Path| {
        format!(
            "version: 0.1\nhttp: {{tls: {{certificate: {}, key: {}}}}}\n",
            certificate.display(),
            key.display()
        )
    };
    assert_eq!(File::new("tls", &tls(&key)).check(&[]).code, Some(0));
    let absent = File::new("no-key", &tls("/nonexistent/server.key".as_ref())).check(&[]);
    assert_eq!(absent.code, Some(1), "{}", absent.output);
    assert!(absent.output.contains("/nonexistent/server.key"), "{}", absent.output);
    let password = std::env::temp_dir().join(format!("pierhead-check-{}-htpasswd", std::process::id()));
    let text = format!("version: 0.1\nauth: {{htpasswd: {{path: {}}}}}\n", password.display());
    assert_eq!(File::new("auth", &text).check(&[]).code, Some(0));
    assert!(!password.exists(), "a file of passwords was made");
}

#[test]
fn an_output_that_takes_nothing_is_told_and_one_that_nobody_reads_is_not() {
    for command in [&["config", "check"] as &[&str], &["access", "check", "--action", "catalog"]] {
        let full = run(command, |s| s.under(&["sh", "-c", "exec \"$@\" >/dev/full", "sh"]));
        assert_eq!(full.code, Some(1), "{}", full.output);
        assert!(
            full.output.ends_with("pierhead: standard output: No space left on device (os error 28)\n"),
            "{}",
            full.output
        );
        let unread = "{ sleep 0.5; \"$@\"; echo status $? >&2; } | true";
        let unread = run(command, |s| s.under(&["sh", "-c", unread, "sh"]));
        assert!(unread.output.ends_with("status 1\n"), "{}", unread.output);
        assert!(!unread.output.contains("pierhead: "), "{}", unread.output);
    }
    let no_report = run(&["config", "check"], |s| s.under(&["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"]));
    assert_eq!(no_report.code, Some(0), "{}", no_report.output);
}
