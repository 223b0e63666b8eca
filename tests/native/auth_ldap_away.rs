//! A directory that is away, hangs, or does not take what it is asked.
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tests::{Directory, Request, Response, Server, assert_error, basic, eventually, run};

fn ask(server: &Server, user: &str, password: &str) -> Response {
    server.request(&Request::get("/v2/").header("Authorization", basic(user, password)))
}

#[track_caller]
fn assert_away(response: &Response) {
    assert_error(response, 503, "UNAVAILABLE");
    response.required("Retry-After");
    assert_eq!(response.header("Www-Authenticate"), None);
}

#[test]
fn while_the_directory_is_away_who_is_remembered_goes_on_and_others_get_503() {
    let mut directory = Directory::start();
    let server = directory.guard("  failures:\n    limit: 2\n", "");
    ask(&server, "alice", "wonderland").expect(200);
    directory.stop();
    ask(&server, "alice", "wonderland").expect(200);
    // What could not be checked was not wrong.
    for _ in 0..4 {
        assert_away(&ask(&server, "bob", "builder"));
        assert_away(&ask(&server, "bob", "wrong"));
    }
    directory.launch();
    ask(&server, "bob", "builder").expect(200);
    assert_error(&ask(&server, "bob", "wrong"), 401, "UNAUTHORIZED");
}

#[test]
fn connections_that_the_directory_has_closed_are_made_anew_unnoticed() {
    let mut directory = Directory::start();
    let server = directory.guard("", "");
    for round in 0..3 {
        ask(&server, &format!("user{round}"), &format!("password{round}")).expect(200);
        directory.stop();
        directory.launch();
    }
    ask(&server, "alice", "wonderland").expect(200);
}

#[test]
fn a_directory_that_is_away_at_the_start_is_warned_of_and_asked_later() {
    let mut directory = Directory::start();
    directory.stop();
    let server = directory.guard("", "");
    server.assert_says("the directory of users cannot be asked");
    assert_away(&ask(&server, "alice", "wonderland"));
    directory.launch();
    ask(&server, "alice", "wonderland").expect(200);
}

#[test]
fn of_several_places_the_first_that_answers_is_asked() {
    let directory = Directory::start();
    let text = directory.config("", "").replace(
        &format!("url: {}", directory.url()),
        &format!("url: ['ldap://127.0.0.1:1', '{}']", directory.url()),
    );
    let server = Server::with(|setup| setup.config(&text));
    ask(&server, "alice", "wonderland").expect(200);
}

#[test]
fn a_directory_that_hangs_costs_a_login_its_patience_and_others_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ldap://{}", silent.local_addr().expect("an address"));
    let text = format!(
        "version: 0.1\nauth:\n  ldap: {{url: '{url}', basedn: 'dc=x', timeout: 300ms, connections: 2}}\n"
    );
    let server = Server::with(|setup| setup.config(&text));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let server = &server;
            scope.spawn(move || assert_away(&ask(server, &format!("user{number}"), "password")));
        }
        for _ in 0..20 {
            let begun = Instant::now();
            assert_error(&server.get("/v2/"), 401, "UNAUTHORIZED");
            assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// A place whose directory takes its time for each answer.
fn slow(directory: &Directory) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ldap://{}", listener.local_addr().expect("an address"));
    let behind = directory.url().replace("ldap://", "");
    std::thread::spawn(move || {
        for here in listener.incoming() {
            let (mut here, mut there) =
                (here.expect("a connection"), TcpStream::connect(&behind).expect("a directory"));
            let (mut asked, mut told) =
                (here.try_clone().expect("a socket"), there.try_clone().expect("a socket"));
            std::thread::spawn(move || std::io::copy(&mut asked, &mut told));
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(length @ 1..) = there.read(&mut bytes) {
                    std::thread::sleep(Duration::from_millis(100));
                    if here.write_all(&bytes[..length]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn an_address_that_brings_ever_new_names_keeps_no_other_waiting() {
    let directory = Directory::start();
    let text = directory.config("    connections: 2\n", "").replace(&directory.url(), &slow(&directory));
    let server = Server::with(|setup| setup.config(&text).env("REGISTRY_HTTP_TRUSTEDPROXIES", "[127.0.0.1]"));
    let from = |address: &str, user: &str, password: &str| {
        let request = Request::get("/v2/").header("Authorization", basic(user, password));
        server.request(&request.header("X-Forwarded-For", address))
    };
    from("192.0.2.1", "bob", "builder").expect(200);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..60 {
            let (from, stop) = (&from, &stop);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    from("192.0.2.1", &format!("nobody{number}-{round}"), "x");
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        // In its turn each is asked about well before the others' names are.
        let others = ["alice:wonderland", "user1:password1", "user2:password2"].map(|login| {
            let (user, password) = login.split_once(':').expect("a password");
            from("192.0.2.2", user, password)
        });
        stop.store(true, Ordering::Relaxed);
        others.iter().for_each(|response| assert_eq!(response.status, 200, "{response}"));
    });
}

#[test]
fn an_answer_that_nobody_can_read_is_no_answer() {
    let rude = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ldap://{}", rude.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in rude.incoming() {
            let mut stream = stream.expect("a connection");
            // A message whose result is not a number.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"\x30\x0c\x02\x01\x01\x61\x07\x04\x01\xff\x04\x00\x04\x00");
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    let text = format!("version: 0.1\nauth: {{ldap: {{url: '{url}', basedn: 'dc=x', timeout: 1s}}}}\n");
    let server = Server::with(|setup| setup.config(&text));
    for _ in 0..3 {
        assert_away(&ask(&server, "alice", "wonderland"));
    }
}

#[test]
fn what_the_directory_does_not_take_at_the_start_names_the_setting() {
    let directory = Directory::start();
    let text = directory.config("", "");
    for (was, is, says) in [
        (
            "bindpassword: searcher",
            "bindpassword: wrong",
            "auth.ldap.binddn: the directory does not take this name",
        ),
        ("cn=registry,", "cn=nobody,", "auth.ldap.binddn: the directory does not take this name"),
        ("ou=people,", "ou=nowhere,", "auth.ldap.basedn: the directory does not show what is there"),
        ("ou=people,", "nothing", "auth.ldap.basedn"),
        ("bindpassword: searcher", "bindpasswordfile: /nowhere", "auth.ldap.bindpasswordfile: /nowhere"),
        (
            "bindpassword: searcher",
            "bindpasswordfile: /dev/null",
            "auth.ldap.bindpasswordfile: /dev/null: it is empty",
        ),
        ("    bindpassword: searcher\n", "", "auth.ldap.bindpassword: not given"),
    ] {
        let finished = run(&[], |setup| setup.config(&text.replace(was, is)));
        assert_eq!(finished.code, Some(1), "{is}: {}", finished.output);
        assert!(finished.output.contains(says), "{says} is not in {}", finished.output);
        assert!(!finished.output.contains("wrong\n"), "{}", finished.output);
    }
    let anonymous =
        text.replace("    binddn: cn=registry,dc=example,dc=org\n    bindpassword: searcher\n", "");
    let finished = run(&[], |setup| setup.config(&anonymous));
    assert!(
        finished.output.contains("auth.ldap.basedn") && finished.output.contains("binddn"),
        "{}",
        finished.output
    );
}

#[test]
fn the_searchers_password_may_be_in_a_file_and_change_there() {
    let directory = Directory::start();
    let text = directory
        .config("    remember: 0\n", "")
        .replace("bindpassword: searcher", "bindpasswordfile: '{scratch}/password'");
    let server = Server::with(|setup| setup.file("password", "searcher\n").config(&text));
    ask(&server, "alice", "wonderland").expect(200);
    directory.modify(
        "dn: cn=registry,dc=example,dc=org\nchangetype: modify\nreplace: userPassword\nuserPassword: other\n",
    );
    assert_away(&ask(&server, "alice", "wonderland"));
    server.assert_says("auth.ldap.binddn");
    std::fs::write(server.scratch().join("password"), "other").expect("written");
    let again = eventually(Duration::from_secs(3), || ask(&server, "alice", "wonderland").status == 200);
    assert!(again, "{}", server.log());
}
