CREATE TABLE usage_applications (
	application_id TEXT NOT NULL,
	seen BIGINT NOT NULL,
	ended BIGINT,
	counters_seen BIGINT,
	counters TEXT,
	held TEXT,
	PRIMARY KEY (application_id)
);
CREATE TABLE usage_gaps (
	begins BIGINT NOT NULL,
	ends BIGINT NOT NULL,
	PRIMARY KEY (begins)
);
CREATE TABLE usage_groups (
	id BIGSERIAL NOT NULL,
	user_name TEXT NOT NULL,
	queue TEXT NOT NULL,
	application_type TEXT NOT NULL,
	environment TEXT NOT NULL,
	PRIMARY KEY (id),
	UNIQUE (user_name, queue, application_type, environment)
);
CREATE TABLE usage_state (
	id INTEGER NOT NULL CHECK (id = 1),
	batch TEXT NOT NULL,
	first_observed BIGINT,
	last_observed BIGINT,
	settled BIGINT NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE usage_hours (
	hour BIGINT NOT NULL,
	group_id BIGINT NOT NULL,
	measure TEXT NOT NULL,
	amount BIGINT NOT NULL,
	PRIMARY KEY (hour, group_id, measure),
	FOREIGN KEY(group_id) REFERENCES usage_groups (id)
);
CREATE INDEX usage_hours_of_groups ON usage_hours (group_id, hour);
INSERT INTO usage_groups VALUES (1, 'alice', 'root.default', 'SPARK', '');
INSERT INTO usage_groups VALUES (2, 'bob', 'root.gpu', 'skein', 'abababababababababababababababababababababababababababababababab');
INSERT INTO usage_hours VALUES (1764496800000, 1, 'memory-mb', 3000);
INSERT INTO usage_hours VALUES (1764496800000, 1, '#begun', 1);
INSERT INTO usage_hours VALUES (1764496800000, 2, 'yarn.io/gpu', 7);
INSERT INTO usage_applications VALUES ('application_1_0001', 1764499995000, NULL, 1764499995000, '{"memory-mb": 3000}', '{"memory-mb": 1024}');
INSERT INTO usage_gaps VALUES (1, 2);
INSERT INTO usage_state VALUES (1, 'b1', 1764496800000, 1764499995000, 5);
CREATE TABLE yarnhub_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT yarnhub_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO yarnhub_version VALUES ('0001');
