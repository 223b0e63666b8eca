use super::*;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

/// One of many marks.
pub fn mark(number: usize) -> Mark {
    let mut mark = [0; 32];
    mark[..8].copy_from_slice(&number.to_le_bytes());
    mark
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("credentials-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("htpasswd")
    }

    fn write(&self, users: &[(&str, &str)]) {
        let line = |(user, password): &(&str, &str)| {
            format!("{user}:{}\n", bcrypt::hash(password, 4).expect("a hash"))
        };
        std::fs::write(self.file(), users.iter().map(line).collect::<String>()).expect("written");
    }

    fn open(&self) -> Credentials {
        let window = Duration::from_secs(60);
        let source = SourceOptions::File(self.file());
        let options = Options { source, remember: Duration::from_secs(60), failures: 3, window };
        Credentials::open(&options).expect("passwords")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn wait<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(work)
}

fn ask(credentials: &Credentials, user: &str, password: &str) -> Verdict {
    wait(credentials.verify(user.into(), password.into(), HERE))
}

fn known(name: &str) -> Verdict {
    Ok(Some(Identity { name: name.into(), groups: Vec::new() }))
}

#[test]
fn a_right_password_is_hashed_once_and_then_remembered() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret"), ("bob", "other")]);
    let credentials = folder.open();
    assert_eq!(credentials.verify_now("alice", "secret", HERE), None);
    assert_eq!(ask(&credentials, "alice", "secret"), known("alice"));
    assert_eq!(credentials.verify_now("alice", "secret", THERE), Some(known("alice")));
    assert_eq!(credentials.verify_now("alice", "secre", HERE), None);
    assert_eq!(credentials.verify_now("bob", "secret", HERE), None);
    assert_eq!(ask(&credentials, "bob", "secret"), Ok(None));
    assert_eq!(ask(&credentials, "nobody", "secret"), Ok(None));
    assert_eq!(ask(&credentials, "alice", ""), Ok(None));
}

#[test]
fn of_a_password_as_of_a_hash_72_bytes_count() {
    let folder = Folder::new();
    let long = "x".repeat(72);
    folder.write(&[("alice", &long)]);
    let credentials = folder.open();
    assert_eq!(ask(&credentials, "alice", &format!("{long}more")), known("alice"));
    assert_eq!(ask(&credentials, "alice", &long[1..]), Ok(None));
}

#[test]
fn a_change_of_the_file_counts_after_a_second_and_what_was_remembered_is_forgotten() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret"), ("bob", "other")]);
    let credentials = folder.open();
    assert_eq!(ask(&credentials, "alice", "secret"), known("alice"));
    folder.write(&[("alice", "changed"), ("carol", "new")]);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(credentials.verify_now("alice", "secret", HERE), None);
    assert_eq!(ask(&credentials, "alice", "secret"), Ok(None));
    assert_eq!(ask(&credentials, "alice", "changed"), known("alice"));
    assert_eq!(ask(&credentials, "carol", "new"), known("carol"));
    assert_eq!(ask(&credentials, "bob", "other"), Ok(None));

    std::fs::remove_file(folder.file()).expect("removed");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(ask(&credentials, "carol", "new"), known("carol"), "what was read last holds");
    std::fs::write(folder.0.join("next"), "").expect("written");
    std::fs::rename(folder.0.join("next"), folder.file()).expect("renamed");
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(ask(&credentials, "carol", "new"), Ok(None));
}

#[test]
fn a_file_that_is_being_written_in_place_is_read_once_it_stands_still() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let credentials = folder.open();
    std::thread::sleep(Duration::from_millis(1100));
    std::fs::write(folder.file(), "").expect("written");
    assert_eq!(ask(&credentials, "alice", "secret"), known("alice"));
    folder.write(&[("alice", "changed")]);
    let begun = Instant::now();
    while ask(&credentials, "alice", "secret") == known("alice") {
        assert!(begun.elapsed() < Duration::from_secs(3), "the file stands still and is not read");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ask(&credentials, "alice", "changed"), known("alice"));
}

#[test]
fn a_file_from_the_future_is_read_once_two_looks_find_it_the_same() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let file = crate::file::File::open(&folder.file()).expect("a file");
    let seen = |name: &str| file.users().entry(name).is_some();
    folder.write(&[("bob", "other")]);
    file.reread();
    assert!(!seen("bob"), "it has just been written");
    file.reread();
    assert!(seen("bob"));
}

#[test]
fn after_too_many_wrong_passwords_that_address_waits_and_no_other() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let credentials = folder.open();
    assert_eq!(wait(credentials.verify("alice".into(), "secret".into(), THERE)), known("alice"));
    for wrong in ["1", "2", "3"] {
        assert_eq!(ask(&credentials, "alice", wrong), Ok(None));
    }
    // The right one too, though it is remembered: who guesses is not told.
    for password in ["4", "secret"] {
        assert!(matches!(ask(&credentials, "alice", password), Err(Unanswered::TooMany(_))));
        assert!(matches!(credentials.verify_now("alice", password, HERE), Some(Err(Unanswered::TooMany(_)))));
    }
    assert_eq!(ask(&credentials, "bob", "4"), Ok(None));
    assert_eq!(wait(credentials.verify("alice".into(), "4".into(), THERE)), Ok(None));
    assert_eq!(credentials.verify_now("alice", "secret", THERE), Some(known("alice")));
}

#[test]
fn whoever_was_right_from_an_address_goes_on_there_until_too_many_more_were_refused() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let credentials = folder.open();
    assert_eq!(wait(credentials.verify("alice".into(), "secret".into(), THERE)), known("alice"));
    assert_eq!(credentials.verify_now("alice", "secret", HERE), Some(known("alice")), "it is remembered");
    for wrong in ["1", "2", "3"] {
        assert_eq!(ask(&credentials, "alice", wrong), Ok(None));
    }
    for guess in 0..30 {
        assert_eq!(ask(&credentials, "alice", "secret"), known("alice"), "{guess}");
        assert!(matches!(ask(&credentials, "alice", "wrong"), Err(Unanswered::TooMany(_))));
    }
    assert!(matches!(ask(&credentials, "alice", "secret"), Err(Unanswered::TooMany(_))));
    assert_eq!(credentials.verify_now("alice", "secret", THERE), Some(known("alice")));
}

#[test]
fn an_address_of_ipv6_counts_with_its_network_and_one_of_ipv4_for_itself_however_it_is_written() {
    let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
    for (address, counts_as) in [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        assert_eq!(network(parse(address)), parse(counts_as));
    }
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let credentials = folder.open();
    let from = |last: usize| parse(&format!("2001:db8::{last}"));
    for number in 1..=3 {
        assert_eq!(wait(credentials.verify("alice".into(), number.to_string(), from(number))), Ok(None));
    }
    let fourth = wait(credentials.verify("alice".into(), "secret".into(), from(4)));
    assert!(matches!(fourth, Err(Unanswered::TooMany(_))), "{fourth:?}");
}

#[test]
fn whoever_waits_for_a_password_that_is_never_hashed_is_told_so() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let Credentials(inner) = folder.open();
    let receiver = lock(&inner.waiting).begin([7; 32], HERE);
    drop(Asked {
        inner: inner.clone(),
        mark: [7; 32],
        failing: [8; 32],
        user: "alice".into(),
        password: Zeroizing::new("secret".into()),
        from: HERE,
        answered: AtomicBool::new(false),
    });
    assert_eq!(wait(receiver), Ok(Err(Unanswered::Unavailable)));
    assert!(lock(&inner.waiting).is_empty());
}

#[test]
fn one_password_asked_for_many_times_at_once_counts_as_one() {
    let folder = Folder::new();
    folder.write(&[("alice", "secret")]);
    let credentials = folder.open();
    wait(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let credentials = credentials.clone();
            tasks.spawn(async move { credentials.verify("alice".into(), "secret".into(), HERE).await });
        }
        assert!(tasks.join_all().await.into_iter().all(|verdict| verdict == known("alice")));
    });
    assert!(lock(&credentials.0.waiting).is_empty());
}

#[test]
fn a_missing_file_is_made_for_its_owner_alone() {
    let folder = Folder::new();
    let path = folder.0.join("new/folder/htpasswd");
    let options = Options {
        source: SourceOptions::File(path.clone()),
        remember: Duration::from_secs(1),
        failures: 3,
        window: Duration::from_secs(1),
    };
    Credentials::open(&options).expect("made");
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.starts_with("docker:$2b$10$"), "{text}");
    Credentials::open(&options).expect("it is there");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), text);

    let folder = Options { source: SourceOptions::File(path.parent().expect("a folder").into()), ..options };
    assert!(matches!(Credentials::open(&folder), Err(OpenError::Unreadable { .. })));
}
