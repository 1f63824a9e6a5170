-- Generated from the registry by `hart sql`; do not edit.
-- Installs the table types and the wrappers: sqlcmd -b -f 65001 -i generated/all.sql, in the folder sql.
:r generated/types.sql
:r generated/VectorAdd.sql
:r generated/VectorArgMax.sql
:r generated/VectorCosineSimilarity.sql
:r generated/VectorDistance.sql
:r generated/VectorDotProduct.sql
:r generated/VectorEuclideanDistance.sql
:r generated/VectorLerp.sql
:r generated/VectorNorm.sql
:r generated/VectorNormalize.sql
:r generated/VectorScale.sql
:r generated/VectorSoftmax.sql
:r generated/VectorSubtract.sql
:r generated/VectorTopK.sql
:r generated/SystemEcho.sql
:r generated/SystemInfo.sql
