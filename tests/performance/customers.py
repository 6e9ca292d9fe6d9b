"""The first schema: customers of 14 columns, with a name that is joined, a code, a look-up and cents."""

from __future__ import annotations

from tests.performance.shape import Shape

_SOURCE = """
CREATE TABLE country (id integer PRIMARY KEY, iso text NOT NULL UNIQUE, title text NOT NULL);
INSERT INTO country SELECT n, chr(65 + n / 26) || chr(65 + n % 26), 'Country ' || n FROM generate_series(1, 120) AS n;
CREATE TABLE customer (
    id bigint PRIMARY KEY,
    first_name text NOT NULL,
    last_name text NOT NULL,
    email text NOT NULL,
    phone text,
    street text NOT NULL,
    city text NOT NULL,
    country_id integer NOT NULL REFERENCES country,
    status text NOT NULL,
    credit_cents bigint NOT NULL,
    newsletter boolean NOT NULL,
    born date,
    created_at timestamp NOT NULL,
    remark text
);
"""

_FILL = """
INSERT INTO customer
SELECT
    id, first_name, last_name,
    (ARRAY['Ada.L', 'Office', 'J.Smith', 'Mary+Shop', 'info', 'N.Poe'])[1 + h / 7 % 6] || '.' || id || '@Mail' || h % 900 || '.Example.COM',
    CASE WHEN h % 7 > 0 THEN '+' || 30 + h % 60 || ' ' || 1000000 + h % 8999999 END,
    streets[1 + h / 97 % 12] || ' ' || 1 + h % 240,
    cities[1 + h / 13 % 12],
    1 + h / 31 % 120,
    (ARRAY['A', 'A', 'A', 'B', 'Z'])[1 + h / 11 % 5],
    h * 7919 % 2500000 - 20000,
    h % 3 = 0,
    CASE WHEN h % 11 > 0 THEN DATE '1940-01-01' + (h % 24000)::integer END,
    TIMESTAMP '2012-03-04 05:06:07' + make_interval(secs => h * 31 % 430000000) + make_interval(secs => h % 1000 / 1000.0),
    CASE WHEN h % 3 = 0 THEN NULL WHEN h % 3 = 1 THEN '' ELSE 'wants, "as agreed", part ' || h % 5000 || E' \\\\ \\n' END
FROM (
    SELECT id, h, firsts[1 + h % 14] AS first_name, lasts[1 + h / 17 % 14] AS last_name, streets, cities
    FROM (SELECT id, id * 2654435761 % 4294967291 AS h FROM generate_series(1::bigint, {rows}) AS id) AS drawn,
    (SELECT
        ARRAY['Ada', 'Zoë', 'Mary Jo', 'Łukasz', 'Björn', 'Chloé', 'José', 'Søren', 'Nina', 'Otto', 'Emmy', 'Ιρις', 'Hugo', 'Yuki']
            AS firsts,
        ARRAY['Lovelace', 'Müller', 'O''Neil', 'van der Berg', 'García', 'Nowak', 'Smith', 'Weiß', 'Poe', 'Jensen', 'Rossi',
            'Noether', 'Sato', 'Ångström'] AS lasts,
        ARRAY['High Street', 'Bahnhofstraße', 'Rue de la Paix', 'Via Roma', 'Main Street', 'Kirchweg', 'Calle Mayor', 'Elm Road',
            'Ringstraße', 'Parkway', 'Long Lane', 'Marktplatz'] AS streets,
        ARRAY['Berlin', 'Zürich', 'Kraków', 'København', 'Madrid', 'Lyon', 'Milano', 'Leeds', 'Köln', 'Gent', 'Oslo', 'Wien']
            AS cities) AS words
) AS named
"""

_TARGET = """
CREATE TABLE land (code text PRIMARY KEY, title text NOT NULL);
INSERT INTO land SELECT chr(65 + n / 26) || chr(65 + n % 26), 'Country ' || n FROM generate_series(1, 120) AS n;
CREATE TABLE partner (
    number bigint PRIMARY KEY,
    name text NOT NULL,
    mail text NOT NULL,
    phone text,
    street text NOT NULL,
    city text NOT NULL,
    land text NOT NULL,
    standing text NOT NULL,
    credit numeric(14, 2) NOT NULL,
    newsletter boolean NOT NULL,
    born date,
    created_at timestamp NOT NULL,
    remark text
);
"""

_LITE = """
CREATE TABLE country (id INTEGER PRIMARY KEY, iso TEXT NOT NULL UNIQUE, title TEXT NOT NULL);
CREATE TABLE customer (
    id INTEGER PRIMARY KEY, first_name TEXT NOT NULL, last_name TEXT NOT NULL, email TEXT NOT NULL, phone TEXT,
    street TEXT NOT NULL, city TEXT NOT NULL, country_id INTEGER NOT NULL REFERENCES country, status TEXT NOT NULL,
    credit_cents INTEGER NOT NULL, newsletter BOOLEAN NOT NULL, born DATE, created_at TIMESTAMP NOT NULL, remark TEXT
);
"""

_MARIA_SOURCE = """
CREATE TABLE country (id integer PRIMARY KEY, iso varchar(2) NOT NULL UNIQUE, title varchar(80) NOT NULL);
CREATE TABLE customer (
    id bigint PRIMARY KEY, first_name varchar(80) NOT NULL, last_name varchar(80) NOT NULL, email varchar(200) NOT NULL,
    phone varchar(40), street varchar(200) NOT NULL, city varchar(80) NOT NULL,
    country_id integer NOT NULL REFERENCES country (id), status varchar(8) NOT NULL, credit_cents bigint NOT NULL,
    newsletter boolean NOT NULL, born date, created_at datetime(6) NOT NULL, remark text
)
"""

_MARIA_TARGET = """
CREATE TABLE land (code varchar(2) PRIMARY KEY, title varchar(80) NOT NULL);
INSERT INTO land SELECT concat(char(65 + seq DIV 26), char(65 + seq % 26)), concat('Country ', seq) FROM seq_1_to_120;
CREATE TABLE partner (
    number bigint PRIMARY KEY, name varchar(200) NOT NULL, mail varchar(200) NOT NULL, phone varchar(40),
    street varchar(200) NOT NULL, city varchar(80) NOT NULL, land varchar(2) NOT NULL, standing varchar(20) NOT NULL,
    credit decimal(14, 2) NOT NULL, newsletter boolean NOT NULL, born date, created_at datetime(6) NOT NULL, remark text
)
"""

_COUNTRY = """\
# The countries stand on both sides; the customers' look-up goes through them.
mapping: country
members:
  shop:  {dataset: country, creates: never}
  stock: {dataset: land}
match: code
fields:
  code:  {shop: iso,   stock: code,  owner: shop}
  title: {shop: title, stock: title, owner: shop}
deletes: {shop: ask, stock: ask}
"""

_CUSTOMER = """\
mapping: customer
members:
  shop:  {dataset: customer, creates: never}
  stock: {dataset: partner}
match: number
fields:
  number:     {shop: id,           stock: number,     owner: shop}
  name:       {shop: "first_name || ' ' || last_name", stock: name, owner: shop, check: {length: [1, 200]}}
  mail:       {shop: lower(email), stock: mail,       owner: shop, check: [not_null, email]}
  phone:      {shop: phone,        stock: phone,      owner: shop}
  street:     {shop: street,       stock: street,     owner: shop}
  city:       {shop: city,         stock: city,       owner: shop}
  land:       {shop: country_id,   stock: land,       owner: shop, ref: country}
  standing:
    shop: {field: status, codes: {A: active, B: blocked, Z: closed}}
    stock: standing
    owner: shop
  credit:     {shop: credit_cents / 100, stock: credit, owner: shop, check: {within: [-1000, 100000]}}
  newsletter: {shop: newsletter,   stock: newsletter, owner: shop}
  born:       {shop: born,         stock: born,       owner: shop}
  created_at: {shop: created_at,   stock: created_at, owner: shop}
  remark:     {shop: remark,       stock: remark,     owner: shop}
deletes: {shop: ask, stock: ask}
"""

_TABLES = {
    "country": {"id": "integer", "iso": "text", "title": "text"},
    "customer": {
        "id": "bigint",
        "first_name": "text",
        "last_name": "text",
        "email": "text",
        "phone": "text",
        "street": "text",
        "city": "text",
        "country_id": "integer",
        "status": "text",
        "credit_cents": "bigint",
        "newsletter": "boolean",
        "born": "date",
        "created_at": "timestamp",
        "remark": "text",
    },
}

CUSTOMERS = Shape(
    name="customers",
    source="customer",
    target="partner",
    key=("number",),
    columns={
        "number": "c.id",
        "name": "c.first_name || ' ' || c.last_name",
        "mail": "lower(c.email)",
        "phone": "c.phone",
        "street": "c.street",
        "city": "c.city",
        "land": "l.iso",
        "standing": "CASE c.status WHEN 'A' THEN 'active' WHEN 'B' THEN 'blocked' WHEN 'Z' THEN 'closed' END",
        "credit": "CAST(c.credit_cents / 100.0 AS numeric(14, 2))",
        "newsletter": "c.newsletter",
        "born": "c.born",
        "created_at": "c.created_at",
        "remark": "c.remark",
    },
    origin="customer AS c JOIN country AS l ON l.id = c.country_id",
    tables=_TABLES,
    exact={"credit": "decimal(14,2)", "created_at": "timestamp_ntz", "newsletter": "boolean", "born": "date"},
    source_ddl=_SOURCE,
    fill=_FILL,
    target_ddl=_TARGET,
    lite_ddl=_LITE,
    change="UPDATE customer SET credit_cents = credit_cents + 1, city = 'Neustadt' WHERE id % 100 = {part}",
    older={
        "phone": "CASE WHEN c.id % 2 = 0 THEN '+00 0' ELSE c.phone END",
        "credit": "CAST(c.credit_cents / 100.0 - 1 + c.id % 2 AS numeric(14, 2))",
    },
    mappings={"country.yaml": _COUNTRY, "customer.yaml": _CUSTOMER},
    keys={"customer": ("id",), "country": ("id",)},
    maria_source=_MARIA_SOURCE,
    maria_target=_MARIA_TARGET,
    files={"land": ("code",), "partner": ("number",)},
)
