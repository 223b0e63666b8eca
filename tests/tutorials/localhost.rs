//! A registry on localhost, without anything round it.
use crate::tutorial::Tutorial;

#[test]
fn a_registry_on_localhost_takes_an_image() {
    let test = "a_registry_on_localhost_takes_an_image";
    let Some(mut t) = Tutorial::begin("localhost", test, &[], "") else { return };
    t.fill_hub();

    t.run("docker container run --name registry -d -p 5000:5000 registry:2.6");
    t.wait_for("localhost:5000");
    assert_eq!(t.run("curl localhost:5000/v2/_catalog"), r#"{"repositories":[]}"#);
    assert!(t.run("docker image pull nginx").contains("Downloaded newer image for nginx:latest"));
    t.run("docker image tag nginx localhost:5000/w3:1.0");
    let images = t.run("docker image ls");
    for image in ["localhost:5000/w3", "nginx", "registry"] {
        assert!(images.contains(image), "{images}");
    }
    let said = t.run("docker image push localhost:5000/w3:1.0");
    assert!(said.contains("Pushed") && said.contains("1.0: digest: sha256:"), "{said}");
    assert_eq!(t.run("curl localhost:5000/v2/_catalog"), r#"{"repositories":["w3"]}"#);
    t.run("docker container rm -f registry");
    t.end(8);
}
