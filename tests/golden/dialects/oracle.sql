-- read
SELECT sales."Order Line".no AS v0, sales."Order Line".place AS v1, sales."Order Line".price AS v2, CASE WHEN (sales."Order Line".due BETWEEN :least3 AND :most3) THEN sales."Order Line".due END AS v3, CASE WHEN (sales."Order Line".made BETWEEN :least4 AND :most4) THEN sales."Order Line".made END AS v4, CASE WHEN (sales."Order Line".seen BETWEEN :least5 AND :most5) THEN sales."Order Line".seen END AS v5, sales."Order Line".ratio AS v6, CAST(sales."Order Line".extra AS VARCHAR2(4000 CHAR)) AS v7, sales."Order Line".is_open AS v8, sales."Order Line".scan AS v9, sales."Order Line".note AS v10, CASE WHEN (sales."Order Line".due IS NULL) THEN 0 WHEN (sales."Order Line".due BETWEEN :least3 AND :most3) THEN 0 ELSE 1 END AS m3, CASE WHEN (sales."Order Line".made IS NULL) THEN 0 WHEN (sales."Order Line".made BETWEEN :least4 AND :most4) THEN 0 ELSE 1 END AS m4, CASE WHEN (sales."Order Line".seen IS NULL) THEN 0 WHEN (sales."Order Line".seen BETWEEN :least5 AND :most5) THEN 0 ELSE 1 END AS m5, CAST(sales."Order Line".ratio AS DOUBLE PRECISION) AS m6 
FROM sales."Order Line"

-- look up
SELECT sales."Order Line".no 
FROM sales."Order Line" 
WHERE sales."Order Line".no = :param_1 AND sales."Order Line".place = :param_2 OR sales."Order Line".no = :param_3 AND sales."Order Line".place = :param_4

-- look up by one part, and lock
SELECT sales."Order Line".no 
FROM sales."Order Line" 
WHERE sales."Order Line".no IN (:param_1, :param_2) FOR UPDATE

-- go on after a key
SELECT sales."Order Line".no 
FROM sales."Order Line" 
WHERE sales."Order Line".no > :param_1 OR sales."Order Line".no = :param_2 AND sales."Order Line".place > :param_3 ORDER BY sales."Order Line".no, sales."Order Line".place

-- create
INSERT INTO sales."Order Line" (no, place, price, seen) VALUES (:p0, :p1, :p2, :p3)

-- create, the key drawn
INSERT INTO sales."Order Line" (price) VALUES (:p0) RETURNING sales."Order Line".no INTO :ret_0

-- update
UPDATE sales."Order Line" SET price=:p0, is_open=:p1 WHERE sales."Order Line".no = :p2 AND sales."Order Line".place = :p3

-- delete
DELETE FROM sales."Order Line" WHERE sales."Order Line".no = :p0 AND sales."Order Line".place = :p1

-- make a table
CREATE TABLE sales."Order Line" (
	no NUMBER(19) NOT NULL, 
	place VARCHAR2(40 CHAR) NOT NULL, 
	price NUMERIC(12, 2), 
	due DATE, 
	made DATE, 
	seen DATE, 
	ratio DOUBLE PRECISION, 
	extra JSON, 
	is_open BOOLEAN, 
	scan BLOB, 
	note CLOB, 
	PRIMARY KEY (no, place)
)

-- make dovetail_fence
CREATE TABLE sales.dovetail_fence (
	part_name VARCHAR2(160 CHAR) NOT NULL, 
	epoch NUMBER(19) NOT NULL, 
	PRIMARY KEY (part_name)
)

-- make dovetail_ledger
CREATE TABLE sales.dovetail_ledger (
	part_name VARCHAR2(160 CHAR) NOT NULL, 
	chunk NUMBER(19) NOT NULL, 
	piece INTEGER NOT NULL, 
	run_name VARCHAR2(190 CHAR) NOT NULL, 
	content BLOB NOT NULL, 
	PRIMARY KEY (part_name, chunk, piece)
)
