-- The inventory's tables, as `dovetail demo` has them.
CREATE TABLE item_group (
    group_no INTEGER PRIMARY KEY, parent_no INTEGER REFERENCES item_group (group_no),
    code VARCHAR(40) NOT NULL UNIQUE, title VARCHAR(40) NOT NULL, zone VARCHAR(20));
CREATE TABLE item (
    item_no INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, description VARCHAR(80) NOT NULL, remark TEXT,
    list_price NUMERIC(12, 2) NOT NULL, weight_kg NUMERIC(10, 3), status VARCHAR(1) NOT NULL,
    group_no INTEGER REFERENCES item_group (group_no), unit VARCHAR(3) NOT NULL DEFAULT 'PCE',
    qty_on_hand INTEGER NOT NULL DEFAULT 0, created_by VARCHAR(20) NOT NULL);
CREATE TABLE bill_of_material (
    kit_no INTEGER NOT NULL REFERENCES item (item_no), part_no INTEGER NOT NULL REFERENCES item (item_no),
    quantity INTEGER NOT NULL, note TEXT, PRIMARY KEY (kit_no, part_no));
CREATE TABLE partner (
    partner_no INTEGER PRIMARY KEY, mail VARCHAR(120) NOT NULL UNIQUE, full_name VARCHAR(80) NOT NULL, phone VARCHAR(40),
    language VARCHAR(2), standing VARCHAR(1) NOT NULL, country_code VARCHAR(3) NOT NULL, birth_date DATE,
    credit_limit NUMERIC(12, 2));
CREATE TABLE sales_order (
    order_no VARCHAR(20) NOT NULL PRIMARY KEY, partner_no INTEGER NOT NULL REFERENCES partner (partner_no),
    state SMALLINT NOT NULL, ordered_at TIMESTAMP NOT NULL, total NUMERIC(12, 2) NOT NULL, picker VARCHAR(20));
CREATE TABLE sales_order_line (
    order_no VARCHAR(20) NOT NULL REFERENCES sales_order (order_no), line_no INTEGER NOT NULL,
    item_no INTEGER NOT NULL REFERENCES item (item_no), quantity INTEGER NOT NULL,
    unit_price NUMERIC(12, 2) NOT NULL, shelf VARCHAR(10), PRIMARY KEY (order_no, line_no));
