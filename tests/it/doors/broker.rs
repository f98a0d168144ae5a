//! A broker that lets in who proves who it is: TLS, client certificates, SCRAM and access rules.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use topup::kafka::admin::Cluster;

use super::certificates::{self, Folder, run};
use crate::harness::PATIENCE;

pub const PASSWORD: &str = "correct-horse";

pub struct Broker {
    pub folder: Folder,
    java: Child,
    /// Nobody has to prove anything, and may do everything: for the test itself.
    pub open: String,
    /// TLS and a login with SCRAM or PLAIN.
    pub login: String,
    /// TLS and a certificate of the client.
    pub certificate: String,
    /// A login without TLS, with SCRAM-SHA-256 only.
    pub bare_login: String,
}

/// What `dev/up` has fetched.
pub fn dev() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".dev");
    std::env::var_os("TOPUP_DEV_DIR").map_or(own, PathBuf::from)
}

fn jars() -> String {
    dev().join("kafka/libs/*").display().to_string()
}

fn java() -> Command {
    let mut command = Command::new("java");
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/dev/kafka/log4j2.xml");
    command.arg(format!("-Dlog4j2.configurationFile={log}")).args(["-Xmx256m", "-cp", &jars()]);
    command
}

fn free_ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    taken.map(|listener| listener.local_addr().expect("an address").port())
}

impl Broker {
    pub fn start() -> Self {
        let folder = Folder::new("broker");
        certificates::make(&folder);
        let read = |name: &str| std::fs::read_to_string(folder.file(name)).expect("a file");
        let own = ["localhost.key", "localhost.crt", "ca.crt"].map(read).concat();
        std::fs::write(folder.file("server.pem"), own).expect("written");
        let ports = free_ports();
        let settings = folder.file("server.properties");
        std::fs::write(&settings, properties(&folder, &ports)).expect("written");
        let mut format = java();
        format.args(["-Dtopup.log.level=ERROR", "kafka.tools.StorageTool", "format"]);
        format.args(["-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", &settings]);
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let user = format!("{mechanism}=[name=worker,password={PASSWORD}]");
            format.args(["--add-scram", &user]);
        }
        run(&mut format);
        let log = std::fs::File::create(folder.file("log")).expect("a file");
        let java = java()
            .args(["kafka.Kafka", &settings])
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("java");
        let [open, _, login, certificate, bare_login] = ports;
        let at = |port: u16| format!("localhost:{port}");
        let broker = Self {
            folder,
            java,
            open: format!("127.0.0.1:{open}"),
            login: at(login),
            certificate: at(certificate),
            bare_login: at(bare_login),
        };
        broker.wait();
        broker
    }

    /// Until it answers, and knows its users.
    fn wait(&self) {
        let began = Instant::now();
        let known = |brokers: &str, extra: &[(&str, String)]| {
            let mut cluster = Cluster::new(brokers);
            let own = |(key, value): &(&str, String)| ((*key).to_owned(), value.clone());
            cluster.extra = extra.iter().map(own).collect();
            cluster.list_topics(Duration::from_secs(2)).is_ok()
        };
        let login = [
            ("security.protocol", "sasl_ssl".to_owned()),
            ("ssl.ca.location", self.folder.file("ca.crt")),
            ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", "worker".to_owned()),
            ("sasl.password", PASSWORD.to_owned()),
        ];
        while !(known(&self.open, &[]) && known(&self.login, &login)) {
            let log = || std::fs::read_to_string(self.folder.file("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "the broker does not answer: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Adds access rules for `worker`, however it has proved that it is.
    pub fn allow(&self, operation: &str, resources: &[&str]) {
        let mut rules = java();
        rules.args(["-Dtopup.log.level=ERROR", "org.apache.kafka.tools.AclCommand"]);
        rules.args(["--bootstrap-server", &self.open, "--add", "--operation", operation]);
        for who in ["User:worker", "User:CN=worker"] {
            rules.args(["--allow-principal", who]);
        }
        run(rules.args(resources));
    }

    /// The settings of a client that logs in as the worker.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA__BROKERS", self.login.clone()),
            ("KAFKA__SECURITY_PROTOCOL", "sasl_ssl".to_owned()),
            ("KAFKA__SASL_MECHANISM", "SCRAM-SHA-512".to_owned()),
            ("KAFKA__SASL_USERNAME", "worker".to_owned()),
            ("KAFKA__SASL_PASSWORD", PASSWORD.to_owned()),
            ("KAFKA__SSL_CA_LOCATION", self.folder.file("ca.crt")),
        ]
    }

    /// The settings of a client that logs in by the token of a file.
    pub fn with_token(&self, file: &str) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA__BROKERS", self.login.clone()),
            ("KAFKA__SECURITY_PROTOCOL", "sasl_ssl".to_owned()),
            ("KAFKA__SASL_MECHANISM", "OAUTHBEARER".to_owned()),
            ("KAFKA__SASL_TOKEN_LOCATION", file.to_owned()),
            ("KAFKA__SSL_CA_LOCATION", self.folder.file("ca.crt")),
        ]
    }

    /// The settings of a client that shows its certificate.
    pub fn certified(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA__BROKERS", self.certificate.clone()),
            ("KAFKA__SECURITY_PROTOCOL", "ssl".to_owned()),
            ("KAFKA__SSL_CA_LOCATION", self.folder.file("ca.crt")),
            ("KAFKA__SSL_CERTIFICATE_LOCATION", self.folder.file("worker.crt")),
            ("KAFKA__SSL_KEY_LOCATION", self.folder.file("worker.key")),
        ]
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Its data go with it.
        let _ = self.java.kill();
        let _ = self.java.wait();
    }
}

/// Those of the development broker, with other doors.
fn properties(folder: &Folder, ports: &[u16; 5]) -> String {
    let usual = include_str!("../../../dev/kafka/server.properties.in");
    let own = ["controller.quorum", "listeners", "advertised", "log.dirs", "inter.broker"];
    let kept = usual.lines().filter(|line| !own.iter().any(|name| line.starts_with(name)));
    let kept: Vec<&str> = kept.collect();
    let [open, controller, login, certificate, bare] = ports;
    let doors = format!(
        "OPEN://127.0.0.1:{open},LOGIN://localhost:{login},\
         CERTIFICATE://localhost:{certificate},BARE://localhost:{bare}"
    );
    let (data, server, ca) =
        (folder.file("data"), folder.file("server.pem"), folder.file("ca.crt"));
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    let token = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required";
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
    format!(
        "{}
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={doors},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={doors}
inter.broker.listener.name=OPEN
listener.security.protocol.map=OPEN:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,CERTIFICATE:SSL,\
BARE:SASL_PLAINTEXT
log.dirs={data}
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.certificate.ssl.client.auth=required
listener.name.login.ssl.client.auth=none
listener.name.login.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER
listener.name.login.scram-sha-256.sasl.jaas.config={scram}
listener.name.login.scram-sha-512.sasl.jaas.config={scram}
listener.name.login.plain.sasl.jaas.config={plain} user_worker=\"{PASSWORD}\";
listener.name.login.oauthbearer.sasl.jaas.config={token} unsecuredLoginStringClaim_sub=\"broker\";
listener.name.bare.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.bare.scram-sha-256.sasl.jaas.config={scram}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
",
        kept.join("\n")
    )
}
