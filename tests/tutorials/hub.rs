//! The Hub, and a registry on localhost beside it.
use crate::tutorial::Tutorial;

#[test]
fn a_registry_beside_the_hub_takes_an_image_of_it() {
    let test = "a_registry_beside_the_hub_takes_an_image_of_it";
    let Some(mut t) = Tutorial::begin("hub", test, &[], "") else { return };
    t.fill_hub();

    t.filled("docker pull <IMAGE_NAME>", &[("<IMAGE_NAME>", "hello-world")]);
    t.listed("docker login");
    t.listed("docker push <USER>/<IMAGE_NAME>:[VERSION]");

    assert!(t.run("docker pull registry").contains("Downloaded newer image for registry:latest"));
    let said = t.fails("docker container run -d -p 5000:5000 regsitry");
    assert!(said.contains("Unable to find image 'regsitry:latest'"), "{said}");
    t.beside("docker container run -d -p 5000:5000 registry");
    t.wait_for("localhost:5000");
    t.run("docker pull debian:stable-slim");
    t.run("docker tag debian:stable-slim localhost:5000/debian");
    t.run("docker push localhost:5000/debian");
    assert_eq!(t.run("curl localhost:5000/v2/_catalog"), r#"{"repositories":["debian"]}"#);
    assert_eq!(t.run("curl localhost:5000/v2/debian/tags/list"), r#"{"name":"debian","tags":["latest"]}"#);
    t.end(10);
}
