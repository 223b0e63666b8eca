//! A terminal: bash, as someone sits before it who types one command after the other.
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;
use tests::eventually;
use tests::program::run;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(180);

/// Reads the files of commands from a pipe, and runs each in the shell itself, so that variables and folders stay.
/// Those who type are no longer root in the documents, and are here.
const LOOP: &str = r#"
sudo() { "$@"; }
while read -r -u 9 _command; do
  . "$_command" >"$_command.out" 2>"$_command.err"
  echo "$?" >"$_command.new"
  mv "$_command.new" "$_command.status"
done 9<"$TERMINAL/pipe"
"#;

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// The exit status.
    pub status: i32,
    /// Standard output, without the white space round it.
    pub out: String,
    /// Standard error, likewise.
    pub err: String,
}

/// The terminal.
pub struct Terminal {
    screen: Child,
    keyboard: ChildStdin,
    pipe: File,
    folder: PathBuf,
    commands: usize,
}

impl Terminal {
    /// Opens one in its home, `$HOME` of `environment`, with what it needs of its own in `folder`, which is new.
    pub fn open(folder: &Path, environment: &Command) -> Terminal {
        fs::create_dir(folder).expect("a folder can be made");
        run(Command::new("mkfifo").arg(folder.join("pipe")));
        fs::write(folder.join("loop"), LOOP).expect("a file can be written");
        let screen = File::create(folder.join("screen")).expect("a file can be made");
        let mut command = Command::new("script");
        command.args(["--quiet", "--flush", "--command"]).arg(format!("bash {}/loop", folder.display()));
        for (name, value) in environment.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let home = environment.get_envs().find(|(name, _)| *name == "HOME").and_then(|(_, value)| value);
        command.env("TERMINAL", folder).current_dir(home.expect("the environment has a home"));
        let mut screen = command
            .arg("/dev/null")
            .stdin(Stdio::piped())
            .stderr(screen.try_clone().expect("a file can be cloned"))
            .stdout(screen)
            .spawn()
            .expect("script can be executed");
        let keyboard = screen.stdin.take().expect("it is piped");
        let pipe = File::options().write(true).open(folder.join("pipe")).expect("the shell reads commands");
        Terminal { screen, keyboard, pipe, folder: folder.to_owned(), commands: 0 }
    }

    /// Runs a command, and for each prompt that it shows types an answer.
    ///
    /// # Panics
    /// When it does not come to its end, with what it said.
    #[track_caller]
    pub fn run(&mut self, command: &str, answers: &[(&str, &str)]) -> Said {
        self.commands += 1;
        let file = self.folder.join(self.commands.to_string());
        let screen = self.screen();
        fs::write(&file, format!("{command}\n")).expect("a file can be written");
        writeln!(self.pipe, "{}", file.display()).expect("the shell reads commands");
        let read = |ending: &str| {
            let bytes = fs::read(file.with_extension(ending)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).trim().to_owned()
        };
        for (prompt, answer) in answers {
            let shown = || {
                let all = [&self.screen()[screen.len()..], &read("out"), &read("err")].concat();
                all.contains(prompt)
            };
            let come = eventually(Duration::from_secs(20), shown);
            assert!(come, "{command}\ndoes not ask {prompt:?}:\n{}\n{}", read("out"), read("err"));
            writeln!(self.keyboard, "{answer}").expect("the terminal takes what is typed");
        }
        let done = eventually(LIMIT, || file.with_extension("status").exists());
        let (out, err) = (read("out"), read("err"));
        assert!(done, "{command}\ndoes not end:\n{out}\n{err}");
        Said { status: read("status").parse().expect("a number"), out, err }
    }

    /// All that was shown and is in no file.
    fn screen(&self) -> String {
        let bytes = fs::read(self.folder.join("screen")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.screen.kill();
        let _ = self.screen.wait();
    }
}
